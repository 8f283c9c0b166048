/** What a browser keeps for us. An embedded page may have no storage at all: then nothing is. */

function attempt<T>(action: () => T): T | null {
  try {
    return action();
  } catch {
    return null;
  }
}

/** A value kept across visits, or null. */
export function recall(key: string): string | null {
  return attempt(() => localStorage.getItem(`tilecast.${key}`));
}

export function remember(key: string, value: string): void {
  attempt(() => localStorage.setItem(`tilecast.${key}`, value));
}

/** Keeps it no longer. */
export function forget(key: string): void {
  attempt(() => localStorage.removeItem(`tilecast.${key}`));
}

/**
 * The session id that this tab had on this canvas, or null.
 *
 * A duplicated tab starts with a copy of its original's id, and two tabs with one id would push
 * each other out: so an id counts only for the tab that holds its lock.
 */
export async function recallSession(canvas: string): Promise<Uint8Array | null> {
  const text = attempt(() => sessionStorage.getItem(sessionKey(canvas)));
  if (!text || !/^[0-9a-f]{32}$/.test(text) || !(await lock(text))) return null;
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function rememberSession(canvas: string, session: Uint8Array): void {
  const text = Array.from(session, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (attempt(() => sessionStorage.getItem(sessionKey(canvas))) === text) return;
  attempt(() => sessionStorage.setItem(sessionKey(canvas), text));
  void lock(text);
}

const sessionKey = (canvas: string) => `tilecast.session.${canvas}`;

/** Holds the id's lock until the page goes; false if another tab has it. */
function lock(id: string): Promise<boolean> {
  const { locks } = navigator;
  // Only pages from a secure origin have locks; elsewhere the server's 4409 tells the older tab.
  if (locks === undefined) return Promise.resolve(true);
  return new Promise((resolve) => {
    locks
      .request(`tilecast.session.${id}`, { ifAvailable: true }, (held) => {
        resolve(held !== null);
        return held === null ? undefined : new Promise(() => {});
      })
      .catch(() => resolve(true));
  });
}
