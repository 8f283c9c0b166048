import { useEffect, useState } from "preact/hooks";
import { closure, pause } from "../texts";
import type { Viewer } from "../viewer";
import { CloseCode } from "../wire.gen";
import { Coordinates } from "./zoom";

/** A short loss comes and goes unnoticed; so long, and it is worth a banner. */
const BANNER_DELAY_MS = 800;

const WORDS = { connecting: "Connecting", live: "Live", waiting: "Offline", stopped: "Stopped" };

/** The canvas's title and whether it is live. */
export function Status({ viewer }: { readonly viewer: Viewer }) {
  const { state, info, trouble, unsaved } = viewer.client;
  const { name } = state.value;
  const size = info.value && `${info.value.width} × ${info.value.height}`;
  const held = name !== "live" || trouble.value !== "";
  const saving = unsaved.value > 0 && held ? `, ${unsaved.value} unsaved` : "";
  return (
    <div class="panel status">
      <h1 class="title" title={size ?? undefined}>
        {info.value?.title || viewer.canvasTitle}
      </h1>
      <span class={`badge is-${name}`} role="status">
        {WORDS[name]}
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
  return (
    <div class="banners">
      <ConnectionBanner viewer={viewer} />
      <TroubleBanner viewer={viewer} />
      {orphans.length > 0 && (
        <div class="panel banner" role="alert">
          <p>
            The server no longer knows your session. {orphans.length}{" "}
            {orphans.length === 1 ? "stroke" : "strokes"} of yours may not have arrived.
          </p>
          <div class="banner-actions">
            <button type="button" class="primary" onClick={() => client.settleOrphans(true)}>
              Draw again
            </button>
            <button type="button" onClick={() => client.settleOrphans(false)}>
              Discard
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
            {elsewhere ? "Go on here" : "Connect again"}
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
        {pause(value.name === "waiting" ? value.code : 0)}{" "}
        {viewer.mayPaint ? "What you paint is kept and sent later." : ""}
      </p>
      <div class="banner-actions">
        {value.name === "waiting" ? (
          <>
            <Countdown until={value.retryAt} />
            <button type="button" onClick={() => connection.hurry()}>
              Try now
            </button>
          </>
        ) : (
          <span class="muted">Connecting…</span>
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
  return <span class="muted">Next try in {Math.max(Math.ceil((until - now) / 1000), 0)} s</span>;
}
