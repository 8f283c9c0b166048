import { useEffect, useState } from "preact/hooks";
import { strokesOf } from "../canvas/outbox";
import { closure, pause, texts } from "../texts";
import type { Viewer } from "../viewer";
import { CloseCode } from "../wire/wire.gen";
import { Saving } from "./saving";
import { Coordinates } from "./zoom";

/** A short loss comes and goes unnoticed; so long, and it is worth a banner. */
const BANNER_DELAY_MS = 800;

/** The canvas's title and whether it is live. */
export function Status({ viewer }: { readonly viewer: Viewer }) {
  const { state, info, trouble, unsaved, queued } = viewer.client;
  const { name } = state.value;
  const size = info.value && `${info.value.width} × ${info.value.height}`;
  const held = name !== "live" || trouble.value !== "";
  const said = texts.value.status;
  const count = queued.value || unsaved.value;
  const saving = count > 0 && held ? `, ${said.unsaved(count)}` : "";
  return (
    <div class="panel status">
      <h1 class="title" title={size ?? undefined}>
        {info.value?.title || viewer.canvasTitle}
      </h1>
      <span class={`badge is-${name}`} role="status">
        {said[name]}
        {saving}
      </span>
      <Saving unsaved={unsaved.value} />
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
      <CatchingUpBanner viewer={viewer} />
      <RewoundBanner viewer={viewer} />
      {orphans.length > 0 && (
        <div class="panel banner" role="alert">
          <p>{said.orphans(strokesOf(orphans))}</p>
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

/** The line is back, and what was painted without it goes out as fast as the budget allows. */
function CatchingUpBanner({ viewer }: { readonly viewer: Viewer }) {
  const { queued, state } = viewer.client;
  const waits = queued.value > 0 && state.value.name === "live";
  const late = useLate(waits);
  if (!waits || !late) return null;
  return (
    <div class="panel banner" role="status">
      <p>{texts.value.banners.catchingUp(queued.value)}</p>
    </div>
  );
}

/** The server lost what it had not saved; stays until it was read. */
function RewoundBanner({ viewer }: { readonly viewer: Viewer }) {
  const { rewound } = viewer.client;
  if (rewound.value === null) return null;
  const { banners, common } = texts.value;
  return (
    <div class="panel banner" role="status">
      <p>{banners.rewound(rewound.value)}</p>
      <div class="banner-actions">
        <button
          type="button"
          onClick={() => {
            rewound.value = null;
          }}
        >
          {common.dismiss}
        </button>
      </div>
    </div>
  );
}

/** Whether something has been so for a while: what comes and goes is nothing to tell. */
function useLate(so: boolean): boolean {
  const [late, setLate] = useState(false);
  useEffect(() => {
    setLate(false);
    if (!so) return undefined;
    const timer = setTimeout(() => setLate(true), BANNER_DELAY_MS);
    return () => clearTimeout(timer);
  }, [so]);
  return late;
}

function ConnectionBanner({ viewer }: { readonly viewer: Viewer }) {
  const { connection, state, info, queued } = viewer.client;
  const { value } = state;
  const said = texts.value.banners;
  const live = value.name === "live";
  const late = useLate(!live);
  if (live) return null;
  const waiting = queued.value > 0 ? said.waiting(queued.value) : "";
  if (value.name === "stopped") {
    const elsewhere = value.code === CloseCode.TAKEN_OVER;
    return (
      <div class="panel banner is-error" role="alert">
        <p>
          {closure(value.code, value.reason)} {waiting}
        </p>
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
        {pause(value.name === "waiting" ? value.code : 0)}{" "}
        {waiting || (viewer.mayPaint ? said.kept : "")}
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
