/** The other people whose view overlaps this one, and where their pointers are. */
import { signal } from "@preact/signals";
import {
  type Cursor,
  POINTER_LEFT,
  POINTER_PAINTING,
  PRESENCE_GONE,
  type Presence,
  type Seen,
} from "../wire/wire.gen";

/** How fast a drawn pointer follows the true one: the time to cover all but a third of the way. */
const GLIDE_MS = 60;
const ARRIVED_PX = 0.05;

export interface Person {
  readonly client: number;
  readonly name: string;
  readonly colour: readonly [r: number, g: number, b: number];
}

/** A pointer: where it is, and where it is drawn while it glides there (canvas pixels). */
export interface Pointer {
  readonly person: Person;
  x: number;
  y: number;
  shownX: number;
  shownY: number;
  painting: boolean;
}

export class Peers {
  readonly people = signal<readonly Person[]>([]);
  /** What somebody who is followed looks at, as last told. */
  readonly seen = signal<Seen | null>(null);
  private readonly persons = new Map<number, Person>();
  private readonly shown = new Map<number, Pointer>();

  get pointers(): Iterable<Pointer> {
    return this.shown.values();
  }

  pointerOf(client: number): Pointer | undefined {
    return this.shown.get(client);
  }

  presence({ client, event, name, r, g, b }: Presence): void {
    if (event === PRESENCE_GONE) {
      this.persons.delete(client);
      this.shown.delete(client);
    } else {
      const person: Person = { client, name, colour: [r, g, b] };
      this.persons.set(client, person);
      const pointer = this.shown.get(client);
      if (pointer) this.shown.set(client, { ...pointer, person });
    }
    this.people.value = [...this.persons.values()];
  }

  cursor({ client, x, y, buttons }: Cursor): void {
    const person = this.persons.get(client);
    if (person === undefined || (buttons & POINTER_LEFT) !== 0) {
      this.shown.delete(client);
      return;
    }
    const painting = (buttons & POINTER_PAINTING) !== 0;
    const pointer = this.shown.get(client);
    if (pointer) Object.assign(pointer, { x, y, painting });
    else this.shown.set(client, { person, x, y, shownX: x, shownY: y, painting });
  }

  /** Moves the drawn pointers on; returns whether any is still under way. */
  glide(elapsedMs: number, atOnce: boolean): boolean {
    const rest = atOnce ? 0 : Math.exp(-elapsedMs / GLIDE_MS);
    let moving = false;
    for (const pointer of this.shown.values()) {
      const dx = (pointer.x - pointer.shownX) * rest;
      const dy = (pointer.y - pointer.shownY) * rest;
      const far = Math.abs(dx) + Math.abs(dy) > ARRIVED_PX;
      pointer.shownX = far ? pointer.x - dx : pointer.x;
      pointer.shownY = far ? pointer.y - dy : pointer.y;
      moving ||= far;
    }
    return moving;
  }

  clear(): void {
    this.persons.clear();
    this.shown.clear();
    this.people.value = [];
    this.seen.value = null;
  }
}
