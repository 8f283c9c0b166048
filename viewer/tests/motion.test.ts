import { beforeEach, describe, expect, test } from "vitest";
import { Camera, ZOOM_MAX } from "../src/view/camera";
import { Motion } from "../src/view/motion";
import { Taps } from "../src/view/taps";
import { Travel } from "../src/view/travel";

const FRAME_MS = 1000 / 60;

let camera: Camera;
let now: number;
let still: boolean;
let motion: Motion;

beforeEach(() => {
  camera = new Camera();
  camera.canvas = { width: 10_000, height: 10_000 };
  camera.resize({ width: 1280, height: 800 }, 1);
  camera.moveTo(5000, 5000, 2);
  now = 1000;
  still = false;
  motion = new Motion(
    camera,
    () => still,
    () => now,
  );
});

/** Draws frames until nothing moves; how many it took. */
function rest(frameMs = FRAME_MS): number {
  let count = 0;
  while (motion.moving) {
    now += frameMs;
    motion.frame();
    if (++count > 1000) throw new Error("it never rests");
  }
  return count;
}

/** Drags to the left, `speed` pixels a millisecond, and lets go after `held` milliseconds. */
function drag(speed: number, held = 0): void {
  for (let i = 0; i < 10; i++) {
    now += 10;
    motion.dragBy(-speed * 10, 0, now);
  }
  now += held;
  motion.letGo(now);
}

describe("a flick", () => {
  test("goes on where the drag went, ever slower, and rests", () => {
    drag(1);
    const { x, y } = camera;
    const ways: number[] = [];
    for (let last = x; motion.moving; last = camera.x) {
      now += FRAME_MS;
      motion.frame();
      ways.push(camera.x - last);
    }
    // The last step ends what creeps.
    for (let i = 1; i < ways.length - 1; i++) expect(ways[i]).toBeLessThan(ways[i - 1]);
    // 1 px/ms with a decay of 325 ms, at zoom 2.
    expect(camera.x - x).toBeGreaterThan(150);
    expect(camera.x - x).toBeLessThan(163);
    expect(camera.y).toBe(y);
    expect(ways.length * FRAME_MS).toBeLessThan(2000);
  });

  test("goes equally far at any rate of frames", () => {
    const ends = [4, FRAME_MS, 50].map((frameMs) => {
      camera.moveTo(5000, 5000, 2);
      drag(1.5);
      rest(frameMs);
      return camera.x;
    });
    for (const end of ends) expect(Math.abs(end - ends[0])).toBeLessThan(3);
  });

  test.each([
    ["slow", 0.1, 0],
    ["held still at its end", 2, 80],
  ])("none after a drag that was %s", (_, speed, held) => {
    drag(speed, held);
    expect(motion.moving).toBe(false);
  });

  test("none where motion is unwanted", () => {
    still = true;
    drag(3);
    expect(motion.moving).toBe(false);
  });

  test("is never faster than five pixels a millisecond", () => {
    drag(20);
    const { x } = camera;
    now += 10;
    motion.frame();
    expect((camera.x - x) * camera.zoom).toBeLessThanOrEqual(50);
    expect(camera.x).toBeGreaterThan(x);
  });

  test.each([
    ["a press", () => motion.stop()],
    ["a key", () => motion.stopFlick()],
    ["a turn of the wheel", () => motion.zoomTowards(0, 0, 1)],
    ["the next drag", () => motion.dragBy(0, 0, now)],
  ])("is stopped by %s", (_, stop) => {
    drag(2);
    expect(motion.moving).toBe(true);
    stop();
    expect(motion.moving).toBe(false);
  });

  test("ends at the canvas's edge", () => {
    camera.moveTo(9990, 5000, 2);
    drag(3);
    rest();
    expect(camera.x).toBe(10_000);
  });
});

describe("a turn of the wheel", () => {
  test("zooms softly and exactly, about the pointer", () => {
    const before = camera.toCanvas(300, 200);
    motion.zoomTowards(300, 200, 1.5);
    expect(camera.zoom).toBe(2);
    now += FRAME_MS;
    motion.frame();
    expect(camera.zoom).toBeGreaterThan(2);
    expect(camera.zoom).toBeLessThan(3);
    expect(rest()).toBeGreaterThan(5);
    expect(camera.zoom).toBeCloseTo(3, 9);
    expect(camera.toCanvas(300, 200)).toEqual(before.map((at) => expect.closeTo(at, 6)));
    expect(now).toBeLessThan(1500);
  });

  test("adds to what is still to come", () => {
    motion.zoomTowards(300, 200, 1.5);
    now += FRAME_MS;
    motion.frame();
    motion.zoomTowards(300, 200, 1.5);
    rest();
    expect(camera.zoom).toBeCloseTo(4.5, 9);
  });

  test("beyond the last zoom is not saved up", () => {
    for (let i = 0; i < 10; i++) motion.zoomTowards(300, 200, 4);
    rest();
    expect(camera.zoom).toBeCloseTo(ZOOM_MAX, 9);
    motion.zoomTowards(300, 200, 0.5);
    rest();
    expect(camera.zoom).toBeCloseTo(ZOOM_MAX / 2, 9);
  });

  test("is taken at once where motion is unwanted", () => {
    still = true;
    motion.zoomTowards(300, 200, 1.5);
    expect(camera.zoom).toBeCloseTo(3);
    expect(motion.moving).toBe(false);
  });
});

test("a step of a key is taken softly and in full, also while the last one is", () => {
  motion.glideBy(-80, 40);
  now += FRAME_MS;
  motion.frame();
  motion.glideBy(-80, 40);
  rest();
  expect([camera.x, camera.y]).toEqual([expect.closeTo(5080, 9), expect.closeTo(4960, 9)]);
});

describe("what lies ahead", () => {
  let travel: Travel;

  beforeEach(() => {
    travel = new Travel(() => now);
  });

  /** Moves the camera by so many canvas pixels a frame. */
  function go(dx: number, dy: number): void {
    for (let i = 0; i < 6; i++) {
      now += FRAME_MS;
      camera.moveTo(camera.x + dx, camera.y + dy, camera.zoom);
      travel.moved(camera);
    }
  }

  test("is where the view goes in four tenths of a second", () => {
    go(5, -2.5);
    expect(travel.ahead(camera)).toEqual([expect.closeTo(120), expect.closeTo(-60)]);
  });

  test("is half a screen at most", () => {
    go(100, 0);
    expect(travel.ahead(camera)).toEqual([320, 0]);
  });

  test("is known where frames are slow too", () => {
    for (let i = 0; i < 2; i++) {
      now += 300;
      camera.moveTo(camera.x + 90, camera.y, camera.zoom);
      travel.moved(camera);
    }
    expect(travel.ahead(camera)).toEqual([expect.closeTo(120), 0]);
  });

  test("is nothing at rest, when it creeps, and after a jump", () => {
    expect(travel.ahead(camera)).toEqual([0, 0]);
    go(1, 0);
    expect(travel.ahead(camera)).toEqual([0, 0]);
    go(5, 0);
    now += 200;
    expect(travel.ahead(camera)).toEqual([0, 0]);
    go(2000, 0);
    expect(travel.ahead(camera)).toEqual([0, 0]);
  });
});

describe("taps", () => {
  let taps: Taps;

  beforeEach(() => {
    taps = new Taps();
  });

  const tap = (x: number, y: number) => {
    taps.press(1, [x, y], now);
    now += 60;
    return taps.release(1, [x, y], now);
  };

  test("two at one place are a double tap, a third begins anew", () => {
    expect(tap(10, 10)).toBe("single");
    now += 100;
    expect(tap(14, 12)).toBe("double");
    now += 100;
    expect(tap(14, 12)).toBe("single");
  });

  test("two far apart, or late, are two taps", () => {
    expect(tap(10, 10)).toBe("single");
    expect(tap(90, 10)).toBe("single");
    now += 500;
    expect(tap(90, 10)).toBe("single");
  });

  test("a drag and a long press are none", () => {
    taps.press(1, [10, 10], now);
    taps.move(1, [30, 10]);
    taps.move(1, [10, 10]);
    expect(taps.release(1, [10, 10], now + 50)).toBeNull();
    taps.press(1, [10, 10], now);
    expect(taps.release(1, [10, 10], now + 400)).toBeNull();
  });

  test("two fingers at once are one tap, three are none", () => {
    for (const fingers of [2, 3]) {
      for (let i = 0; i < fingers; i++) taps.press(i, [i * 50, 0], now);
      for (let i = 1; i < fingers; i++) expect(taps.release(i, [i * 50, 0], now + 80)).toBeNull();
      expect(taps.release(0, [0, 0], now + 90)).toBe(fingers === 2 ? "two fingers" : null);
    }
  });
});
