import { Users } from "lucide-preact";
import { useState } from "preact/hooks";
import type { Colour } from "../canvas/canvas-info";
import { parseHex, toHex } from "../canvas/colour";
import type { Person } from "../canvas/peers";
import { type CommandId, commands, shownKey } from "../commands";
import { chooseName, name, ownColour, panelOpen, showsCursor, togglePanel } from "../state";
import { texts } from "../texts";
import type { Viewer } from "../viewer";
import { Face } from "./face";
import { IconButton } from "./icon-button";
import { Popover } from "./popover";

/** A name's longest UTF-8 form. */
const NAME_MAX_BYTES = 64;
const FACES_MAX = 3;

/** Opens the list of people; shows how many there are. */
export function PeopleButton({ viewer }: { readonly viewer: Viewer }) {
  const people = viewer.client.peers.people.value;
  const open = panelOpen.value === "people";
  const count = people.length + 1;
  const said = texts.value.people;
  return (
    <IconButton
      icon={Users}
      label={count === 1 ? said.alone : said.count(count)}
      shortcut={shownKey("Shift+p")}
      expanded={open}
      class="people-button"
      onPress={() => togglePanel("people")}
    >
      <span class="faces" aria-hidden="true">
        <Face name={name.value} colour={ownColour.value} />
        {people.slice(0, FACES_MAX).map((person) => (
          <Face key={person.client} {...person} />
        ))}
        {people.length > FACES_MAX && <span class="more">+{people.length - FACES_MAX}</span>}
      </span>
    </IconButton>
  );
}

/** Who is looking at the same part of the canvas, one's own name, and what happens here. */
export function PeoplePanel({ viewer }: { readonly viewer: Viewer }) {
  const people = viewer.client.peers.people.value;
  const said = texts.value.people;
  const named = people.filter((person) => person.name !== "");
  const guests = people.length - named.length;
  return (
    <Popover
      label={said.label}
      class="people-panel"
      onClose={() => {
        panelOpen.value = null;
      }}
    >
      <OwnName viewer={viewer} />
      <h2>{said.also}</h2>
      {people.length === 0 ? (
        <p class="muted">{said.nobody}</p>
      ) : (
        <ul class="people-list">
          {named.map((person) => (
            <li key={person.client}>
              <PersonButton person={person} viewer={viewer} />
              <FollowButton person={person} viewer={viewer} />
            </li>
          ))}
          {guests > 0 && <li class="guests">{said.guests(guests)}</li>}
        </ul>
      )}
      {guests > 0 && <p class="muted">{said.noFollowing}</p>}
      <h2>{said.happening}</h2>
      <div class="happening">
        <CommandSwitch viewer={viewer} id="heat" on={viewer.together.heat.on.value} />
        <CommandSwitch viewer={viewer} id="jump" />
        <CommandSwitch viewer={viewer} id="whoPainted" />
        <CommandSwitch viewer={viewer} id="cursor" on={showsCursor.value} />
      </div>
    </Popover>
  );
}

function PersonButton({ person, viewer }: { readonly person: Person; readonly viewer: Viewer }) {
  return (
    <button
      type="button"
      title={texts.value.people.goTo(person.name)}
      onClick={() => {
        const pointer = viewer.client.peers.pointerOf(person.client);
        if (pointer) viewer.goto({ x: pointer.x, y: pointer.y, zoom: viewer.camera.zoom });
      }}
    >
      <Face {...person} />
      <span class="person-name">{person.name}</span>
    </button>
  );
}

function FollowButton({ person, viewer }: { readonly person: Person; readonly viewer: Viewer }) {
  const { following } = viewer.together;
  const said = texts.value.people;
  const follows = following.whom.value?.client === person.client;
  return (
    <button
      type="button"
      class="follow"
      aria-label={said.followWho(person.name)}
      aria-pressed={follows}
      onClick={() => {
        if (follows) following.stop();
        else {
          following.follow(person);
          leave(viewer);
        }
      }}
    >
      {said.follow}
    </button>
  );
}

/** Closes the panel, and the keys are the canvas's. */
function leave(viewer: Viewer): void {
  viewer.focus();
  panelOpen.value = null;
}

interface CommandSwitchProps {
  readonly viewer: Viewer;
  readonly id: CommandId;
  /** Where it switches something: whether that is on. */
  readonly on?: boolean;
}

/** A command by its name, with its key. */
function CommandSwitch({ viewer, id, on }: CommandSwitchProps) {
  const command = commands.value.find((each) => each.id === id);
  if (command === undefined) return null;
  const [key] = command.keys;
  return (
    <button
      type="button"
      aria-pressed={on}
      aria-keyshortcuts={key}
      onClick={() => {
        if (on === undefined) leave(viewer);
        command.run();
      }}
    >
      {texts.value.commands[id]}
      <kbd>{shownKey(key)}</kbd>
    </button>
  );
}

function OwnName({ viewer }: { readonly viewer: Viewer }) {
  const { common, people: said } = texts.value;
  const [typed, setTyped] = useState(name.value);
  const save = (text: string, colour: Colour) => {
    const trimmed = cut(text.trim());
    if (trimmed === name.value && toHex(colour) === toHex(ownColour.value)) return;
    chooseName(trimmed, colour);
    viewer.client.present(trimmed, colour);
  };
  return (
    <form
      class="own-name"
      onSubmit={(event) => {
        event.preventDefault();
        save(typed, ownColour.value);
        panelOpen.value = null;
      }}
    >
      <label class="field">
        <span>{said.yourName}</span>
        <input
          type="text"
          value={typed}
          placeholder={common.guest}
          maxLength={32}
          autocomplete="nickname"
          onInput={(event) => setTyped(event.currentTarget.value)}
          onBlur={() => save(typed, ownColour.value)}
        />
      </label>
      <label class="field is-colour">
        <span>{said.pointer}</span>
        <input
          type="color"
          value={toHex(ownColour.value)}
          onChange={(event) => {
            const parsed = parseHex(event.currentTarget.value);
            if (parsed) save(typed, parsed);
          }}
        />
      </label>
      <p class="muted">{said.why}</p>
    </form>
  );
}

/** As much of a name as the protocol takes. */
function cut(text: string): string {
  let kept = "";
  for (const character of text) {
    if (new TextEncoder().encode(kept + character).length > NAME_MAX_BYTES) break;
    kept += character;
  }
  return kept;
}
