import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Client } from "../src/canvas/client";
import { chooseTool, colour, panelOpen, tool } from "../src/state";
import { texts } from "../src/texts";
import { toasts } from "../src/toasts";
import { Palette } from "../src/ui/palette";
import { Banners, Status } from "../src/ui/status";
import { Toolbar } from "../src/ui/toolbar";
import type { Viewer } from "../src/viewer";
import type { Welcome } from "../src/wire/wire.gen";
import { FakeSurroundings, sessionId, welcome } from "./fake-socket";

let root: HTMLElement;
let around: FakeSurroundings;
let client: Client;
let viewer: Viewer;

beforeEach(() => {
  vi.useFakeTimers();
  root = document.createElement("div");
  document.body.replaceChildren(root);
  around = new FakeSurroundings();
  const ignore = () => {};
  const events = { refused: ignore, notice: ignore, changed: ignore, welcomed: ignore };
  client = new Client("ws://host/c/main/ws", events, around);
  viewer = {
    client,
    canvasTitle: "main",
    get mayPaint() {
      return client.mayPaint;
    },
    pixel: () => null,
  } as unknown as Viewer;
  client.connection.connect();
  toasts.value = [];
});

afterEach(() => {
  render(null, root);
  client.connection.close();
  vi.clearAllTimers();
  vi.useRealTimers();
});

async function goLive(fields: Partial<Welcome> = {}, json: object = {}): Promise<void> {
  await act(() => {
    around.socket.open();
    around.socket.receive(welcome(fields, json));
  });
}

const advance = (milliseconds: number) =>
  act(async () => {
    await vi.advanceTimersByTimeAsync(milliseconds);
  });

const text = () => root.textContent?.replace(/\s+/g, " ") ?? "";
const button = (label: string) =>
  [...root.querySelectorAll("button")].find(
    (each) => each.getAttribute("aria-label") === label || each.textContent === label,
  );

test("the title and the state are told", async () => {
  render(<Status viewer={viewer} />, root);
  expect(text()).toContain("mainConnecting");
  await goLive({}, { title: "The wall" });
  expect(text()).toContain("The wallLive");
});

test("a loss shows a banner after a moment, with the time of the next try", async () => {
  render(<Banners viewer={viewer} />, root);
  await goLive();
  await act(() => around.socket.lose());
  expect(text()).toBe("");
  around.sockets.length = 0;
  await act(() => client.connection.hurry());
  await act(() => around.socket.lose(1012));
  await advance(900);
  expect(text()).toContain("The server is restarting. What you paint is kept and sent later.");
  expect(button("Try now")).toBeDefined();
});

test("an end for good says why, and can be overcome by hand", async () => {
  render(<Banners viewer={viewer} />, root);
  await goLive();
  await act(() => around.socket.lose(4409));
  expect(text()).toContain("another tab");
  await act(() => button("Go on here")?.click());
  expect(around.sockets).toHaveLength(2);
});

test("what an unknown session had sent is drawn again only on demand", async () => {
  render(<Banners viewer={viewer} />, root);
  await goLive();
  client.draw({ type: "Pixel", x: 1, y: 1, r: 0, g: 0, b: 0 });
  await Promise.resolve();
  await act(() => around.socket.lose());
  await advance(600);
  await goLive({ session: sessionId(3), epoch: 5 });
  expect(text()).toContain("1 stroke of yours may not have arrived");
  await act(() => button("Discard")?.click());
  expect(text()).toBe("");
  expect(client.pending.count).toBe(0);
});

test("who may not paint is told so by the tools that paint", async () => {
  chooseTool("pan");
  render(<Toolbar mayPaint={false} />, root);
  await act(() => button("Brush")?.click());
  expect(tool.value).toBe("pan");
  expect(toasts.value.map((toast) => toast.text)).toEqual([texts.value.tools.viewOnly]);
  render(<Toolbar mayPaint={true} />, root);
  await act(() => button("Brush")?.click());
  expect(tool.value).toBe("brush");
  expect(button("Brush")?.getAttribute("aria-pressed")).toBe("true");
});

test("a canvas with a palette offers its colours and no others", async () => {
  await goLive(
    {},
    {
      palette: [
        [255, 0, 0],
        [0, 0, 255],
      ],
    },
  );
  render(<Palette info={client.info.value} />, root);
  const labels = [...root.querySelectorAll("button")].map((each) =>
    each.getAttribute("aria-label"),
  );
  expect(labels).toEqual(["red, #ff0000", "blue, #0000ff"]);
  await act(() => button("red, #ff0000")?.click());
  expect(colour.value).toEqual([255, 0, 0]);
  await goLive();
});

test("where any colour may be used, the current one opens the picker", async () => {
  await goLive();
  render(<Palette info={client.info.value} />, root);
  const current = root.querySelector<HTMLButtonElement>(".current-colour");
  await act(() => current?.click());
  expect(panelOpen.value).toBe("colour");
  panelOpen.value = null;
});
