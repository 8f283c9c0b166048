import {
  ChevronDown,
  ChevronUp,
  Download,
  Eye,
  EyeOff,
  Link,
  Move,
  Scan,
  Trash2,
} from "lucide-preact";
import { COORDINATE_MAX } from "../canvas/geometry";
import { enlarge } from "../templates/enlargement";
import { toPng } from "../templates/image";
import { PlaceMode } from "../templates/place-mode";
import { NAME_LENGTH_MAX, sizeOf, type Template } from "../templates/template";
import type { Templates } from "../templates/templates";
import { number, texts } from "../texts";
import { toast } from "../toasts";
import { IconButton } from "./icon-button";

interface Props {
  readonly template: Template;
  readonly templates: Templates;
}

/** One template in the list: on and off, how far it is, and its settings if they are wanted. */
export function TemplateEntry({ template, templates }: Props) {
  const { id, name, visible } = template;
  const said = texts.value.templates;
  const open = templates.chosen.value === id;
  return (
    <li class="template">
      <div class="template-head">
        <IconButton
          icon={visible ? Eye : EyeOff}
          label={said.show(name)}
          pressed={visible}
          class="template-eye"
          onPress={() => templates.change(id, { visible: !visible })}
        />
        <button
          type="button"
          class="template-name"
          aria-expanded={open}
          onClick={() => {
            templates.chosen.value = open ? null : id;
          }}
        >
          <span>{name}</span>
          {open ? (
            <ChevronUp size={18} aria-hidden="true" />
          ) : (
            <ChevronDown size={18} aria-hidden="true" />
          )}
        </button>
      </div>
      {visible && <TemplateProgress template={template} templates={templates} />}
      {open && <Settings template={template} templates={templates} />}
    </li>
  );
}

function TemplateProgress({ template, templates }: Props) {
  const progress = templates.progress.value.get(template.id);
  const said = texts.value.templates;
  if (progress === undefined) return null;
  const { total, right, wrong } = progress;
  if (total === 0) return <p class="muted">{said.offCanvas}</p>;
  const seen = (right + wrong) / total;
  const percent = number(Math.floor(seen * 100) / 100, { style: "percent" });
  return (
    <div class="template-progress">
      <progress max={total} value={right} aria-label={said.progress} />
      <span>
        {said.right(number(right), number(total))}
        {seen < 1 && <span class="muted"> · {said.seen(percent)}</span>}
      </span>
    </div>
  );
}

function Settings({ template, templates }: Props) {
  const { id, name, x, y, opacity, scale, enlargement, image } = template;
  const said = texts.value.templates;
  const { width, height } = sizeOf(template);
  return (
    <div class="template-settings">
      <label class="field">
        <span>{said.name}</span>
        <input
          type="text"
          value={name}
          maxLength={NAME_LENGTH_MAX}
          onChange={(event) => {
            const typed = event.currentTarget.value.trim();
            templates.change(id, { name: typed || said.unnamed });
          }}
        />
      </label>
      <div class="field">
        <span>{said.corner}</span>
        <Coordinate label="x" value={x} onChange={(value) => templates.change(id, { x: value })} />
        <Coordinate label="y" value={y} onChange={(value) => templates.change(id, { y: value })} />
      </div>
      <div class="template-sources">
        <button
          type="button"
          class="text-button"
          onClick={() => PlaceMode.start(templates, template)}
        >
          <Move size={18} aria-hidden="true" />
          {said.place}
        </button>
        <button
          type="button"
          class="text-button"
          title={said.hereHint}
          onClick={() => {
            const { camera } = templates.viewer;
            templates.change(id, {
              x: Math.round(camera.x - width / 2),
              y: Math.round(camera.y - height / 2),
            });
          }}
        >
          <Scan size={18} aria-hidden="true" />
          {said.here}
        </button>
      </div>
      <label class="field">
        <span>{said.opacity}</span>
        <input
          type="range"
          min={0.1}
          max={1}
          step={0.05}
          value={opacity}
          aria-valuetext={number(opacity, { style: "percent" })}
          onInput={(event) => {
            templates.change(id, { opacity: Number(event.currentTarget.value) });
          }}
        />
      </label>
      {enlargement > 1 && (
        <fieldset class="choices" aria-label={said.size}>
          {[1, enlargement].map((times) => (
            <button
              key={times}
              type="button"
              class="text-button"
              aria-pressed={scale === times}
              onClick={() => templates.change(id, { scale: times })}
            >
              {image.width * times} × {image.height * times}
            </button>
          ))}
          <p class="muted">{said.reduced(enlargement)}</p>
        </fieldset>
      )}
      <div class="template-actions">
        <span class="muted">
          {width} × {height}
        </span>
        <IconButton icon={Download} label={said.save} onPress={() => void save(template)} />
        <IconButton
          icon={Link}
          label={said.copyLink}
          onPress={() => void copyLink(templates.linkTo(template))}
        />
        <IconButton icon={Trash2} label={said.remove} onPress={() => templates.remove(id)} />
      </div>
    </div>
  );
}

interface CoordinateProps {
  readonly label: string;
  readonly value: number;
  onChange(value: number): void;
}

function Coordinate({ label, value, onChange }: CoordinateProps) {
  return (
    <input
      type="number"
      class="coordinate"
      aria-label={label}
      title={label}
      min={-COORDINATE_MAX}
      max={COORDINATE_MAX}
      step={1}
      value={value}
      onChange={(event) => {
        const { valueAsNumber: typed } = event.currentTarget;
        const good = Number.isInteger(typed) && Math.abs(typed) <= COORDINATE_MAX;
        if (good) onChange(typed);
        else event.currentTarget.value = String(value);
      }}
    />
  );
}

async function save({ name, image, scale }: Template): Promise<void> {
  const url = URL.createObjectURL(await toPng(enlarge(image, scale)));
  const link = document.createElement("a");
  link.href = url;
  link.download = `${name.replace(/[^\p{L}\p{N}._ -]+/gu, "_")}.png`;
  link.click();
  // The download has begun by the next turn, and holds the file itself.
  setTimeout(() => URL.revokeObjectURL(url));
}

async function copyLink(link: string | null): Promise<void> {
  const said = texts.value.templates;
  if (link === null) {
    toast(said.tooLargeForLink, "warning");
    return;
  }
  try {
    await navigator.clipboard.writeText(link);
    toast(said.linkCopied);
  } catch {
    toast(said.linkNotCopied, "warning");
  }
}
