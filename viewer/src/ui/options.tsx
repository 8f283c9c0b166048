import {
  Check,
  ClipboardPaste,
  Copy,
  ImagePlus,
  Scissors,
  Square,
  SquareDashed,
  Trash2,
  X,
} from "lucide-preact";
import { SIZE_MAX } from "../canvas/raster";
import { brushSize, filled, lineWidth, tool } from "../state";
import { texts } from "../texts";
import type { Viewer } from "../viewer";
import { CommandButton } from "./command-button";
import { IconButton } from "./icon-button";

/** What can be set for the tool in use, and done with it. */
export function Options({ viewer }: { readonly viewer: Viewer }) {
  const said = texts.value.options;
  switch (tool.value) {
    case "brush":
    case "eraser":
    case "line":
      return (
        <Slider
          label={said.size}
          value={brushSize.value}
          max={SIZE_MAX}
          onChange={(value) => {
            brushSize.value = value;
          }}
        />
      );
    case "rectangle":
      return (
        <div class="options">
          <IconButton
            icon={Square}
            label={said.filled}
            class="is-filled"
            pressed={filled.value}
            onPress={() => {
              filled.value = true;
            }}
          />
          <IconButton
            icon={SquareDashed}
            label={said.outline}
            pressed={!filled.value}
            onPress={() => {
              filled.value = false;
            }}
          />
          {!filled.value && (
            <Slider
              label={said.outline}
              value={lineWidth.value}
              max={32}
              onChange={(value) => {
                lineWidth.value = value;
              }}
            />
          )}
        </div>
      );
    case "select":
      return <SelectionActions viewer={viewer} />;
    default:
      return null;
  }
}

function SelectionActions({ viewer }: { readonly viewer: Viewer }) {
  const { selection } = viewer.painting;
  const said = texts.value.selection;
  // The buttons go with what floats: the focus must not go with them.
  const leave = (how: () => boolean) => {
    how();
    viewer.focus();
  };
  if (selection.floating.value) {
    return (
      <div class="options">
        <button type="button" class="primary" onClick={() => leave(() => selection.drop())}>
          <Check size={18} strokeWidth={2.2} aria-hidden="true" />
          {said.place}
        </button>
        <IconButton icon={X} label={said.discard} onPress={() => leave(() => selection.giveUp())} />
        <CommandButton id="copy" icon={Copy} />
      </div>
    );
  }
  return (
    <div class="options">
      {selection.area.value && (
        <>
          <CommandButton id="copy" icon={Copy} />
          <CommandButton id="cut" icon={Scissors} />
          <CommandButton id="clear" icon={Trash2} />
        </>
      )}
      <CommandButton id="paste" icon={ClipboardPaste} />
      <CommandButton id="insertImage" icon={ImagePlus} />
    </div>
  );
}

interface SliderProps {
  readonly label: string;
  readonly value: number;
  readonly max: number;
  onChange(value: number): void;
}

function Slider({ label, value, max, onChange }: SliderProps) {
  return (
    <label class="slider">
      <span>{label}</span>
      <input
        type="range"
        min={1}
        max={max}
        value={value}
        aria-valuetext={texts.value.options.pixels(value)}
        onInput={(event) => onChange(Number(event.currentTarget.value))}
      />
      <output>{value}</output>
    </label>
  );
}
