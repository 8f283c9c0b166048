import { texts } from "../texts";
import type { Viewer } from "../viewer";
import { Face } from "./face";

/** Says whom the view follows, and ends it. */
export function FollowingBanner({ viewer }: { readonly viewer: Viewer }) {
  const { following } = viewer.together;
  const person = following.whom.value;
  if (person === null) return null;
  const said = texts.value.people;
  return (
    <div class="panel banner following" role="status">
      <p>
        <Face {...person} /> {said.following(person.name)}
      </p>
      <div class="banner-actions">
        <button type="button" onClick={() => following.stop()}>
          {said.stop}
        </button>
      </div>
    </div>
  );
}
