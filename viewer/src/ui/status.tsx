import { useEffect, useState } from "preact/hooks";
import { closure, pause, texts } from "../texts";
import type { Viewer } from "../viewer";
import { CloseCode } from "../wire.gen";
import { Coordinates } from "./zoom";

/** A short loss comes and goes unnoticed; so long, and it is worth a banner. */
const BANNER_DELAY_MS = 800;

/** The canvas's title and whether it is live. */
export function Status({ viewer }: { readonly viewer: Viewer }) {
  const { state, info, trouble, unsaved } = viewer.client;
  const { name } = state.value;
  const size = info.value && `${info.value.width} × ${info.value.height}`;
  const held = name !== "live" || trouble.value !== "";
  const said = texts.value.status;
  const saving = unsaved.value > 0 && held ? `, ${said.unsaved(unsaved.value)}` : "";
  return (
    <div class="panel status">
      <h1 class="title" title={size ?? undefined}>
        {info.value?.title || viewer.canvasTitle}
      </h1>
      <span class={`badge is-${name}`} role="status">
        {said[name]}
        {saving}
      </span>
      <Coordinates viewer={viewer} />
    </div>
  );
}

/** Says what is wrong with the connection and what can be done. */
export function Banners({ viewer }: { readonly viewer: Viewer }) {
  const { client } = viewer;
  const orphans = client.orphans.value;
  const said = texts.value.banners;
  return (
    <div class="banners">
      <ConnectionBanner viewer={viewer} />
      <TroubleBanner viewer={viewer} />
      {orphans.length > 0 && (
        <div class="panel banner" role="alert">
          <p>{said.orphans(orphans.length)}</p>
          <div class="banner-actions">
            <button type="button" class="primary" onClick={() => client.settleOrphans(true)}>
              {said.drawAgain}
            </button>
            <button type="button" onClick={() => client.settleOrphans(false)}>
              {said.discard}
            </button>
          </div>
        </div>
      )}
    </div>
  );
}

/** Says what is wrong at the server's end for as long as it is. */
function TroubleBanner({ viewer }: { readonly viewer: Viewer }) {
  const { state, trouble } = viewer.client;
  if (trouble.value === "" || state.value.name !== "live") return null;
  return (
    <div class="panel banner is-error" role="alert">
      <p>{trouble.value}</p>
    </div>
  );
}

function ConnectionBanner({ viewer }: { readonly viewer: Viewer }) {
  const { connection, state, info } = viewer.client;
  const { value } = state;
  const said = texts.value.banners;
  const live = value.name === "live";
  const [late, setLate] = useState(false);
  useEffect(() => {
    setLate(false);
    if (live) return undefined;
    const timer = setTimeout(() => setLate(true), BANNER_DELAY_MS);
    return () => clearTimeout(timer);
  }, [live]);
  if (live) return null;
  if (value.name === "stopped") {
    const elsewhere = value.code === CloseCode.TAKEN_OVER;
    return (
      <div class="panel banner is-error" role="alert">
        <p>{closure(value.code, value.reason)}</p>
        <div class="banner-actions">
          <button type="button" class="primary" onClick={() => connection.connect()}>
            {elsewhere ? said.goOnHere : said.connectAgain}
          </button>
        </div>
      </div>
    );
  }
  if (!late) return null;
  if (info.value === null && value.name === "connecting") return null;
  return (
    <div class="panel banner" role="alert">
      <p>
        {pause(value.name === "waiting" ? value.code : 0)} {viewer.mayPaint ? said.kept : ""}
      </p>
      <div class="banner-actions">
        {value.name === "waiting" ? (
          <>
            <Countdown until={value.retryAt} />
            <button type="button" onClick={() => connection.hurry()}>
              {said.tryNow}
            </button>
          </>
        ) : (
          <span class="muted">{said.connecting}</span>
        )}
      </div>
    </div>
  );
}

function Countdown({ until }: { readonly until: number }) {
  const [now, setNow] = useState(() => performance.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(performance.now()), 250);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.max(Math.ceil((until - now) / 1000), 0);
  return <span class="muted">{texts.value.banners.nextTry(seconds)}</span>;
}
