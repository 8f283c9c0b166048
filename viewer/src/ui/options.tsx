import { Square, SquareDashed } from "lucide-preact";
import { SIZE_MAX } from "../raster";
import { brushSize, filled, lineWidth, tool } from "../state";
import { texts } from "../texts";
import { IconButton } from "./icon-button";

/** What can be set for the tool in use. */
export function Options() {
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
    default:
      return null;
  }
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
