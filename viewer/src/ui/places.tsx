import { BookmarkPlus, Check, Pencil, Trash2 } from "lucide-preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { type Bookmark, NAME_MAX } from "../places/places";
import { bookmarkHere, bookmarksOf, goTo, show } from "../places/wayfinding";
import { coarse, panelOpen, showsGrid, showsMinimap } from "../state";
import { texts } from "../texts";
import type { Viewer } from "../viewer";
import { IconButton } from "./icon-button";
import { Switch } from "./switch";

/** Where to go: by numbers or a link, by a bookmark. */
export function Places({ viewer }: { readonly viewer: Viewer }) {
  const said = texts.value.places;
  return (
    <>
      <GoTo viewer={viewer} />
      <BookmarkList viewer={viewer} />
      <Switch label={said.mapSwitch} on={showsMinimap} />
      <Switch label={said.grid} on={showsGrid} />
    </>
  );
}

function GoTo({ viewer }: { readonly viewer: Viewer }) {
  const said = texts.value.places;
  const [text, setText] = useState("");
  const [complaint, setComplaint] = useState<string | null>(null);
  const submit = (event: Event) => {
    event.preventDefault();
    const wrong = goTo(viewer, text);
    setComplaint(wrong);
    if (wrong === null) panelOpen.value = null;
  };
  return (
    <form class="go-to" onSubmit={submit}>
      <label for="go-to-where">{said.goTo}</label>
      <div class="row">
        <input
          type="text"
          id="go-to-where"
          // A keyboard on the screen would cover the bookmarks.
          data-first-focus={!coarse.value || undefined}
          placeholder={said.placeholder}
          autocomplete="off"
          spellcheck={false}
          enterkeyhint="go"
          value={text}
          aria-invalid={complaint !== null}
          aria-describedby={complaint === null ? undefined : "go-to-complaint"}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <button type="submit" class="primary">
          {said.go}
        </button>
      </div>
      {complaint !== null && (
        <p id="go-to-complaint" class="complaint" role="alert">
          {complaint}
        </p>
      )}
    </form>
  );
}

function BookmarkList({ viewer }: { readonly viewer: Viewer }) {
  const said = texts.value.places;
  const bookmarks = bookmarksOf(viewer);
  const all = bookmarks.all.value;
  const [renaming, setRenaming] = useState<Bookmark | null>(null);
  const [removed, setRemoved] = useState<{ bookmark: Bookmark; index: number } | null>(null);
  const list = useRef<HTMLElement>(null);
  const remove = (bookmark: Bookmark) => {
    // The button goes with its line; the keys stay in the panel.
    list.current?.closest<HTMLElement>(".popover")?.focus({ preventScroll: true });
    setRemoved({ bookmark, index: all.indexOf(bookmark) });
    bookmarks.remove(bookmark);
  };
  return (
    <section class="bookmarks" ref={list} aria-labelledby="bookmarks-title">
      <h3 id="bookmarks-title">{said.bookmarks}</h3>
      {all.length === 0 ? (
        <p class="muted">{said.none}</p>
      ) : (
        <ul>
          {all.map((bookmark) => (
            <li key={`${bookmark.x},${bookmark.y},${bookmark.zoom}`} class="row">
              {bookmark === renaming ? (
                <Rename
                  bookmark={bookmark}
                  onDone={(name) => {
                    bookmarks.rename(bookmark, name);
                    setRenaming(null);
                  }}
                />
              ) : (
                <Entry
                  bookmark={bookmark}
                  onShow={() => {
                    show(viewer, bookmark);
                    panelOpen.value = null;
                  }}
                  onRename={() => setRenaming(bookmark)}
                  onRemove={() => remove(bookmark)}
                />
              )}
            </li>
          ))}
        </ul>
      )}
      {removed && (
        <p class="row removed" role="status">
          <span class="muted">{said.removed(removed.bookmark.name)}</span>
          <button
            type="button"
            class="secondary"
            onClick={() => {
              bookmarks.restore(removed.bookmark, removed.index);
              setRemoved(null);
            }}
          >
            {said.undo}
          </button>
        </p>
      )}
      <button
        type="button"
        class="secondary"
        aria-keyshortcuts="m"
        onClick={() => {
          setRenaming(bookmarkHere(viewer));
          setRemoved(null);
        }}
      >
        <BookmarkPlus size={18} aria-hidden="true" />
        {said.add}
      </button>
    </section>
  );
}

interface EntryProps {
  readonly bookmark: Bookmark;
  onShow(): void;
  onRename(): void;
  onRemove(): void;
}

function Entry({ bookmark, onShow, onRename, onRemove }: EntryProps) {
  const said = texts.value.places;
  const { name, x, y, zoom } = bookmark;
  const where = `${Math.floor(x)}, ${Math.floor(y)}`;
  const times = `${Number(zoom.toPrecision(2))} ×`;
  return (
    <>
      <button type="button" class="bookmark" aria-label={said.show(name)} onClick={onShow}>
        <span class="bookmark-name">{name}</span>
        <span class="muted">{name === where ? times : `${where} · ${times}`}</span>
      </button>
      <IconButton icon={Pencil} label={said.rename(name)} onPress={onRename} />
      <IconButton icon={Trash2} label={said.remove(name)} onPress={onRemove} />
    </>
  );
}

/** Enter and leaving keep the name, Escape the old one. */
function Rename({ bookmark, onDone }: { readonly bookmark: Bookmark; onDone(name: string): void }) {
  const said = texts.value.places;
  const field = useRef<HTMLInputElement>(null);
  const finished = useRef(false);
  useLayoutEffect(() => field.current?.select(), []);
  const finish = (name: string) => {
    // The field that goes loses the focus, which ends it once more.
    if (finished.current) return;
    finished.current = true;
    const panel = field.current?.closest<HTMLElement>(".popover");
    if (panel?.contains(document.activeElement)) panel.focus({ preventScroll: true });
    onDone(name);
  };
  const done = () => finish(field.current?.value ?? "");
  return (
    <>
      <input
        ref={field}
        type="text"
        aria-label={said.name}
        maxLength={NAME_MAX}
        defaultValue={bookmark.name}
        enterkeyhint="done"
        onBlur={done}
        onKeyDown={(event) => {
          if (event.key === "Enter") done();
          if (event.key !== "Escape") return;
          event.stopPropagation();
          finish("");
        }}
      />
      <IconButton icon={Check} label={texts.value.common.done} onPress={done} />
    </>
  );
}
