/** Following somebody: the view goes where theirs goes, until one moves it oneself. */
import { signal } from "@preact/signals";
import type { Place } from "../address";
import type { Client } from "../canvas/client";
import { type Box, type Size, tileSpan } from "../canvas/geometry";
import type { Person } from "../canvas/peers";
import { announcement } from "../state";
import { texts } from "../texts";
import { toast } from "../toasts";
import type { Seen } from "../wire/wire.gen";
import type { Flight, Flown } from "./flight";

/** Who isn't heard of for so long has left. */
const LOST_MS = 5000;
/** Less of a difference in zoom is not worth a movement. */
const ZOOM_SLACK = 1.03;

export class Following {
  readonly whom = signal<Person | null>(null);
  private lostTimer: ReturnType<typeof setTimeout> | undefined;
  private lastScreen: Size = { width: 0, height: 0 };

  constructor(
    private readonly client: Client,
    private readonly view: Flown,
    private readonly flight: Flight,
  ) {
    const { info, peers } = client;
    peers.people.subscribe((people) => this.hear(people));
    peers.seen.subscribe((seen) => this.see(seen));
    // A new connection is told of nobody yet.
    info.subscribe(() => {
      if (this.whom.peek()) this.ask();
    });
  }

  /** Only who has a name can be followed. */
  follow(person: Person): void {
    if (person.name === "") return;
    this.flight.stop();
    this.whom.value = person;
    this.lastScreen = this.view.camera.screen;
    announcement.value = texts.peek().people.following(person.name);
    this.ask();
  }

  /** Stops, and says so. */
  stop(): void {
    const person = this.whom.peek();
    if (person === null) return;
    this.forget();
    announcement.value = texts.peek().people.stopped(person.name);
  }

  /** The view moved, by whatever. */
  moved(): void {
    if (this.whom.peek() === null || this.flight.moving) return;
    const { screen } = this.view.camera;
    const resized =
      screen.width !== this.lastScreen.width || screen.height !== this.lastScreen.height;
    this.lastScreen = screen;
    if (resized) this.see(this.client.peers.seen.peek());
    else this.stop();
  }

  private ask(): void {
    const person = this.whom.peek();
    if (person === null) return;
    this.client.follow(person.client);
    this.wait();
  }

  private forget(): void {
    clearTimeout(this.lostTimer);
    this.lostTimer = undefined;
    this.whom.value = null;
    this.flight.stop();
    this.client.follow(0);
  }

  /** Gives up unless something is heard soon. */
  private wait(): void {
    this.lostTimer ??= setTimeout(() => {
      const person = this.whom.peek();
      if (person === null) return;
      this.forget();
      toast(texts.peek().people.lost(person.name));
    }, LOST_MS);
  }

  private heard(): void {
    clearTimeout(this.lostTimer);
    this.lostTimer = undefined;
  }

  private hear(people: readonly Person[]): void {
    const followed = this.whom.peek();
    if (followed === null || !this.client.connection.live) return;
    const person = people.find(({ client }) => client === followed.client);
    if (person === undefined) this.wait();
    else if (person.name === "") {
      this.forget();
      toast(texts.peek().people.lost(followed.name));
    } else {
      this.heard();
      this.whom.value = person;
    }
  }

  private see(seen: Seen | null): void {
    if (seen === null || seen.client !== this.whom.peek()?.client) return;
    this.heard();
    this.flight.to(placeOf(seen, this.client.size, this.view.camera));
  }
}

/** Where a screen shows all of what somebody sees. */
export function placeOf(
  seen: Seen,
  canvas: Size,
  { screen, zoom: present }: { readonly screen: Size; readonly zoom: number },
): Place {
  const box = withoutMargin(seen, canvas);
  const width = box.x1 - box.x0 + 1;
  const height = box.y1 - box.y0 + 1;
  const fit = Math.min(screen.width / width, screen.height / height);
  const near = Math.max(fit / present, present / fit) < ZOOM_SLACK;
  return { x: box.x0 + width / 2, y: box.y0 + height / 2, zoom: near ? present : fit };
}

/** A VIEWPORT has a tile more on each side than is on the screen, as far as there are any. */
function withoutMargin({ level, x0, y0, x1, y1 }: Seen, { width, height }: Size): Box {
  const span = tileSpan(level);
  const [left, right] = shrunk(x0, x1, span, width);
  const [top, bottom] = shrunk(y0, y1, span, height);
  return { x0: left, y0: top, x1: right, y1: bottom };
}

function shrunk(first: number, last: number, span: number, side: number): [number, number] {
  const low = first > 0 ? first + span : first;
  const high = last < side - 1 ? last - span : last;
  return low < high ? [low, high] : [first, last];
}
