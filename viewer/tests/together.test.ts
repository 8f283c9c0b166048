import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Client } from "../src/canvas/client";
import type { Person } from "../src/canvas/peers";
import { announcement, hovered, tool } from "../src/state";
import { toasts } from "../src/toasts";
import { Heat, hottest } from "../src/together/activity";
import { Flight } from "../src/together/flight";
import { Following, placeOf } from "../src/together/following";
import { colourAt } from "../src/together/heat";
import { Inspection } from "../src/together/inspect";
import { ago } from "../src/together/relative-time";
import { Camera } from "../src/view/camera";
import { PRESENCE_GONE, PRESENCE_HERE, type Presence, type Seen } from "../src/wire/wire.gen";
import { FakeSurroundings, welcome } from "./fake-socket";

const SIZE = { width: 1024, height: 1024 };

let camera: Camera;
let still: boolean;
let flight: Flight;
let view: { camera: Camera; goto(place: { x: number; y: number; zoom: number }): void };

beforeEach(() => {
  vi.useFakeTimers({
    toFake: [
      "setTimeout",
      "clearTimeout",
      "setInterval",
      "clearInterval",
      "Date",
      "performance",
      "requestAnimationFrame",
      "cancelAnimationFrame",
    ],
  });
  camera = new Camera();
  camera.canvas = SIZE;
  camera.screen = { width: 800, height: 600 };
  camera.moveTo(512, 512, 1);
  view = { camera, goto: ({ x, y, zoom }) => camera.moveTo(x, y, zoom) };
  still = true;
  flight = new Flight(view, () => still);
  toasts.value = [];
  announcement.value = "";
  tool.value = "pan";
  hovered.value = null;
});

afterEach(() => {
  vi.clearAllTimers();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("a flight", () => {
  test("takes its time, and arrives exactly", () => {
    still = false;
    flight.to({ x: 100, y: 200, zoom: 4 });
    vi.advanceTimersByTime(160);
    expect(camera.x).toBeLessThan(450);
    expect(camera.x).toBeGreaterThan(150);
    expect(camera.zoom).toBeGreaterThan(1);
    vi.advanceTimersByTime(3000);
    expect([camera.x, camera.y, camera.zoom]).toEqual([100, 200, 4]);
    expect(flight.under).toBe(false);
  });

  test("is over at once where nothing may move by itself", () => {
    flight.to({ x: 100, y: 200, zoom: 4 });
    expect([camera.x, camera.y, camera.zoom]).toEqual([100, 200, 4]);
  });

  test("ends where there is nowhere to go", () => {
    still = false;
    camera.moveTo(0, 0, 1);
    flight.to({ x: -500, y: -500, zoom: 1 });
    vi.advanceTimersByTime(500);
    expect(flight.under).toBe(false);
  });
});

const seen = (fields: Partial<Seen> = {}): Seen => ({
  type: "Seen",
  client: 7,
  level: 0,
  x0: 128,
  y0: 128,
  x1: 511,
  y1: 383,
  ...fields,
});

describe("what somebody sees", () => {
  test("is shown whole, without the tiles around it", () => {
    // 384 × 256 pixels with a tile around on each side: 256 × 128 are seen.
    expect(placeOf(seen(), SIZE, camera)).toEqual({ x: 320, y: 256, zoom: 800 / 256 });
    const tall = placeOf(seen({ x1: 383, y1: 895 }), SIZE, camera);
    expect(tall).toEqual({ x: 256, y: 512, zoom: 600 / 640 });
  });

  test("has no tiles around it at the canvas's edge", () => {
    const corner = placeOf(seen({ x0: 0, y0: 0, x1: 1023, y1: 1023, level: 1 }), SIZE, camera);
    expect(corner).toEqual({ x: 512, y: 512, zoom: 600 / 1024 });
    const one = placeOf(seen({ x0: 64, y0: 64, x1: 127, y1: 127 }), SIZE, camera);
    expect(one).toEqual({ x: 96, y: 96, zoom: 600 / 64 });
  });

  test("moves the zoom only if that is worth it", () => {
    expect(placeOf(seen(), SIZE, { ...camera, screen: camera.screen, zoom: 3.1 }).zoom).toBe(3.1);
  });
});

describe("following", () => {
  let around: FakeSurroundings;
  let client: Client;
  let following: Following;
  const ann: Person = { client: 7, name: "Ann", colour: [1, 2, 3] };
  const presence = (fields: Partial<Presence> = {}): Presence => ({
    type: "Presence",
    client: 7,
    event: PRESENCE_HERE,
    r: 1,
    g: 2,
    b: 3,
    name: "Ann",
    ...fields,
  });
  const follows = () =>
    around.socket.take().flatMap((message) => (message.type === "Follow" ? [message.client] : []));

  beforeEach(() => {
    around = new FakeSurroundings();
    const ignore = () => {};
    const events = { refused: ignore, notice: ignore, changed: ignore, welcomed: ignore };
    client = new Client("ws://host/c/main/ws", events, around);
    following = new Following(client, view, flight);
    camera.onChange = () => following.moved();
    client.connection.connect();
    around.socket.open();
    around.socket.receive(welcome({ width: 1024, height: 1024 }), presence());
    follows();
  });

  afterEach(() => client.connection.close());

  test("goes where they go, until told to stop", () => {
    following.follow(ann);
    expect(follows()).toEqual([7]);
    around.socket.receive(seen());
    expect([camera.x, camera.y, camera.zoom]).toEqual([320, 256, 800 / 256]);
    around.socket.receive(seen({ x0: 256, x1: 639 }));
    expect(camera.x).toBe(448);
    around.socket.receive(seen({ client: 8, x0: 0, x1: 383 }));
    expect(camera.x).toBe(448);
    following.stop();
    expect(follows()).toEqual([0]);
    expect(following.whom.value).toBeNull();
    expect(announcement.value).toContain("Ann");
    around.socket.receive(seen());
    expect(camera.x).toBe(448);
  });

  test("any movement of one's own ends it, a new size of the screen doesn't", () => {
    following.follow(ann);
    around.socket.receive(seen());
    camera.resize({ width: 400, height: 600 }, 1);
    expect(following.whom.value).toEqual(ann);
    expect(camera.zoom).toBe(400 / 256);
    camera.panBy(1, 0);
    expect(following.whom.value).toBeNull();
    expect(follows()).toEqual([7, 0]);
  });

  test("who leaves is followed no longer, who is back soon still is", () => {
    following.follow(ann);
    around.socket.receive(seen(), presence({ event: PRESENCE_GONE }));
    vi.advanceTimersByTime(4000);
    around.socket.receive(presence({ name: "Anna" }));
    vi.advanceTimersByTime(4000);
    expect(following.whom.value?.name).toBe("Anna");
    around.socket.receive(presence({ event: PRESENCE_GONE }));
    vi.advanceTimersByTime(6000);
    expect(following.whom.value).toBeNull();
    expect(toasts.value[0].text).toContain("Anna");
  });

  test("who no longer gives a name isn't followed any more", () => {
    following.follow(ann);
    around.socket.receive(seen(), presence({ name: "" }));
    expect(following.whom.value).toBeNull();
    following.follow({ ...ann, name: "" });
    expect(following.whom.value).toBeNull();
  });

  test("it is given up if the server never tells where they are", () => {
    following.follow({ client: 9, name: "Ben", colour: [0, 0, 0] });
    vi.advanceTimersByTime(6000);
    expect(following.whom.value).toBeNull();
  });

  test("it goes on after a loss of the line", () => {
    following.follow(ann);
    around.socket.receive(seen());
    around.socket.lose();
    expect(following.whom.value).toEqual(ann);
    vi.advanceTimersByTime(1500);
    around.socket.open();
    around.socket.receive(welcome({ width: 1024, height: 1024 }));
    expect(follows()).toEqual([7]);
    around.socket.receive(presence(), seen({ x0: 256, x1: 639 }));
    vi.advanceTimersByTime(10_000);
    expect(following.whom.value?.client).toBe(7);
    expect(camera.x).toBe(448);
  });

  test("a pointer that was never shown isn't said to have left", () => {
    client.point(null, 0);
    vi.advanceTimersByTime(100);
    expect(around.socket.take()).toEqual([]);
    client.point([3, 4], 0);
    vi.advanceTimersByTime(100);
    client.point(null, 0);
    client.point(null, 0);
    vi.advanceTimersByTime(100);
    const cursors = around.socket.take().filter(({ type }) => type === "CursorMove");
    expect(cursors).toHaveLength(2);
  });
});

describe("looking at a pixel", () => {
  let inspection: Inspection;
  let asked: string[];
  let answer: unknown;

  beforeEach(() => {
    asked = [];
    answer = { colour: "#102030", painter: null, seq: null, searched_to: 0 };
    vi.stubGlobal("fetch", async (url: string) => {
      asked.push(url);
      if (answer instanceof Error) throw answer;
      return { ok: true, json: async () => answer };
    });
    const pixel = (): [number, number, number] => [1, 2, 3];
    inspection = new Inspection({ address: "http://host/c/main", camera, pixel });
    camera.onChange = () => inspection.moved();
  });

  afterEach(() => inspection.destroy());

  const settle = async () => {
    for (let turn = 0; turn < 9; turn++) await Promise.resolve();
  };
  const come = (kind: string) =>
    window.dispatchEvent(Object.assign(new Event("pointermove"), { pointerType: kind }));

  test("a mouse that rests shows it, and takes it away as it goes on", async () => {
    come("mouse");
    hovered.value = [5, 6];
    vi.advanceTimersByTime(500);
    hovered.value = [7, 6];
    vi.advanceTimersByTime(500);
    expect(inspection.pixel.value).toBeNull();
    vi.advanceTimersByTime(150);
    expect(inspection.pixel.value).toMatchObject({ x: 7, y: 6, colour: [1, 2, 3], pinned: false });
    expect(asked).toEqual(["http://host/c/main/pixel/7/6"]);
    await settle();
    expect(inspection.pixel.value).toMatchObject({ colour: [16, 32, 48], finding: "nobody" });
    hovered.value = [8, 6];
    vi.advanceTimersByTime(200);
    expect(inspection.pixel.value).not.toBeNull();
    vi.advanceTimersByTime(200);
    expect(inspection.pixel.value).toBeNull();
    vi.advanceTimersByTime(300);
    expect(inspection.pixel.value).toMatchObject({ x: 8, y: 6 });
  });

  test("on its way to the card the pointer may take its time", () => {
    come("mouse");
    hovered.value = [5, 6];
    vi.advanceTimersByTime(700);
    hovered.value = null;
    vi.advanceTimersByTime(100);
    inspection.keep();
    vi.advanceTimersByTime(5000);
    expect(inspection.pixel.value).not.toBeNull();
    inspection.leave();
    expect(inspection.pixel.value).toBeNull();
  });

  test("with another tool nothing comes by itself", () => {
    tool.value = "pencil";
    hovered.value = [5, 6];
    vi.advanceTimersByTime(2000);
    expect(asked).toEqual([]);
    tool.value = "pan";
    vi.advanceTimersByTime(700);
    expect(asked).toHaveLength(1);
  });

  test("a finger's stays when it lifts, and goes when the view moves", () => {
    come("touch");
    hovered.value = [5, 6];
    camera.panBy(3, 3);
    vi.advanceTimersByTime(700);
    expect(inspection.pixel.value?.pinned).toBe(true);
    hovered.value = null;
    vi.advanceTimersByTime(5000);
    expect(inspection.pixel.value).not.toBeNull();
    camera.panBy(30, 0);
    expect(inspection.pixel.value).toBeNull();
  });

  test("a drag shows nothing until it rests", () => {
    come("touch");
    hovered.value = [5, 6];
    for (let step = 0; step < 5; step++) {
      vi.advanceTimersByTime(300);
      camera.panBy(30, 0);
    }
    expect(asked).toEqual([]);
    vi.advanceTimersByTime(700);
    expect(asked).toHaveLength(1);
  });

  test("by key it is said who it was; the key again closes it", async () => {
    const when = new Date(Date.now() - 180_000).toISOString();
    answer = { colour: "#ff0000", painter: { name: "Ann", when }, seq: 4, searched_to: 4 };
    inspection.toggle([5, 6]);
    await settle();
    expect(inspection.pixel.value?.finding).toMatchObject({ name: "Ann" });
    expect(announcement.value).toBe("5, 6: red. Ann, 3 minutes ago");
    inspection.toggle([5, 6]);
    expect(inspection.pixel.value).toBeNull();
    answer = { colour: "#ff0000", painter: { name: null, when }, seq: 4, searched_to: 4 };
    inspection.toggle([5, 6]);
    await settle();
    expect(announcement.value).toBe("5, 6: red. Guest, 3 minutes ago");
  });

  test.each([
    [new Error("no line")],
    [null],
    ["text"],
    [{ colour: 5, painter: { name: 5, when: "never" } }],
    [{ colour: "#ff0000", painter: null, searched_to: 17 }],
  ])("an answer that says nothing is none: %o", async (said) => {
    answer = said;
    inspection.toggle([5, 6]);
    await settle();
    expect(inspection.pixel.value?.finding).toBe("lost");
  });
});

describe("heat", () => {
  const cells = [
    { tx: 0, ty: 0, count: 5 },
    { tx: 8, ty: 8, count: 90 },
    { tx: 15, ty: 15, count: 20 },
  ];

  test("the jump goes to the hottest place out of view", () => {
    expect(hottest({ span: 64, cells }, camera)).toEqual({ x: 992, y: 992, zoom: 600 / 8 / 64 });
    camera.moveTo(992, 992, 4);
    expect(hottest({ span: 64, cells }, camera)).toEqual({ x: 544, y: 544, zoom: 4 });
    camera.moveTo(512, 512, 0.5);
    expect(hottest({ span: 64, cells }, camera)).toEqual({ x: 544, y: 544, zoom: 600 / 8 / 64 });
    camera.moveTo(512, 512, 30);
    expect(hottest({ span: 64, cells }, camera)?.zoom).toBe(600 / 64);
    expect(hottest({ span: 64, cells: [] }, camera)).toBeNull();
  });

  test("it is asked for while it is on, every ten seconds", async () => {
    const asked: string[] = [];
    vi.stubGlobal("fetch", async (url: string) => {
      asked.push(url);
      return { ok: true, json: async () => ({ span: 64, cells: [[1, 2, 3]] }) };
    });
    const heat = new Heat({ address: "a", camera, requestFrame: () => {} }, flight);
    heat.toggle();
    await vi.advanceTimersByTimeAsync(25_000);
    expect(asked).toEqual(Array(3).fill("a/activity?minutes=10"));
    expect(heat.activity.value).toEqual({ span: 64, cells: [{ tx: 1, ty: 2, count: 3 }] });
    heat.toggle();
    await vi.advanceTimersByTimeAsync(30_000);
    expect(asked).toHaveLength(3);
    await heat.jump();
    expect([camera.x, camera.y]).toEqual([96, 160]);
  });

  test.each([[{ span: 0, cells: [] }], [{ span: 64, cells: [[1, 2]] }], [{ cells: [] }], [7]])(
    "what makes no sense isn't shown: %o",
    async (said) => {
      vi.stubGlobal("fetch", async () => ({ ok: true, json: async () => said }));
      const heat = new Heat({ address: "a", camera, requestFrame: () => {} }, flight);
      await heat.jump();
      expect(heat.activity.value).toBeNull();
      expect(toasts.value).toHaveLength(1);
    },
  );

  test("more heat is lighter and covers more, whatever the eye makes of the hues", () => {
    const light = Array.from({ length: 21 }, (_, i) => {
      const [r, g, b, a] = colourAt(i / 20);
      return [0.2126 * r + 0.7152 * g + 0.0722 * b, a];
    });
    for (let i = 1; i < light.length; i++) {
      expect(light[i][0]).toBeGreaterThan(light[i - 1][0]);
      expect(light[i][1]).toBeGreaterThanOrEqual(light[i - 1][1]);
    }
  });
});

test.each([
  [0, "now"],
  [-5000, "now"],
  [20_000, "20 seconds ago"],
  [59_600, "1 minute ago"],
  [180_000, "3 minutes ago"],
  [7_200_000, "2 hours ago"],
  [86_400_000, "yesterday"],
  [40 * 86_400_000, "last month"],
  [800 * 86_400_000, "2 years ago"],
])("%d ms ago is %s", (elapsed, text) => {
  const now = Date.now();
  expect(ago(new Date(now - elapsed), now)).toBe(text);
});
