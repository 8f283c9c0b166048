/** What the codes of the protocol mean to a person. */
import { CloseCode, RejectCode } from "./wire.gen";

const REJECTS: Record<number, string> = {
  [RejectCode.OUT_OF_BOUNDS]: "That is off the canvas.",
  [RejectCode.BAD_VALUE]: "The server could not draw that.",
  [RejectCode.RATE]: "You are painting faster than you may.",
  [RejectCode.PROTECTED]: "This area is protected.",
  [RejectCode.NOT_ALLOWED]: "You may not paint here.",
  [RejectCode.READ_ONLY]: "The canvas is read-only for the moment: its storage is in trouble.",
  [RejectCode.TOO_LARGE]: "That is too large to draw at once.",
  [RejectCode.NOT_IN_PALETTE]: "That colour is not in this canvas's palette.",
  [RejectCode.BANNED]: "You are banned from painting.",
};

/** Why a drawing was refused. `retryMs` 0: trying again is of no use. */
export function refusal(code: number, retryMs: number): string {
  const text = REJECTS[code] ?? `The server refused to draw that (code ${code}).`;
  if (retryMs <= 0) return code === RejectCode.RATE ? "That is more than you may paint." : text;
  return `${text} Try again in ${duration(retryMs)}.`;
}

const CLOSES: Record<number, string> = {
  [CloseCode.NORMAL]: "The connection was closed.",
  [CloseCode.TEXT_FRAME]: "The server did not understand this page. Reload it.",
  [CloseCode.TOO_BIG]: "The server did not take what this page sent. Reload it.",
  [CloseCode.MALFORMED]: "This page and the server did not understand each other. Reload it.",
  [CloseCode.BAD_TOKEN]: "Your invitation is not valid, or no longer.",
  [CloseCode.BANNED]: "You are banned from this canvas.",
  [CloseCode.BAD_VERSION]: "The server speaks another version. Reload the page.",
  [CloseCode.TAKEN_OVER]: "This session goes on in another tab.",
  [CloseCode.FLOOD]: "You were disconnected for sending too much.",
};

const PAUSES: Record<number, string> = {
  [CloseCode.RESTARTING]: "The server is restarting.",
  [CloseCode.TRY_LATER]: "The server is full at the moment.",
  [CloseCode.TOO_SLOW]: "Your line was too slow to keep up.",
};

/** Why there is no connection for now. */
export function pause(code: number): string {
  return PAUSES[code] ?? "No connection.";
}

/** Why the connection ended for good. */
export function closure(code: number, reason: string): string {
  return CLOSES[code] ?? `The connection was closed (${code}${reason && `: ${reason}`}).`;
}

export function duration(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1000);
  if (seconds < 90) return seconds === 1 ? "a second" : `${seconds} seconds`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} minutes` : `${Math.round(minutes / 60)} hours`;
}
