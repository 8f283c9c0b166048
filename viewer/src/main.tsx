/** Starts the page: finds out which canvas it shows, and shows it. */
import { effect } from "@preact/signals";
import { render } from "preact";
import { defaultCanvas, isEmbedded, readPageAddress, socketUrl } from "./address";
import { exposeAutomation } from "./automation";
import { addDrawing } from "./drawing/drawing";
import { listenToKeys } from "./keyboard";
import { addWayfinding } from "./places/wayfinding";
import { recallSession } from "./storage";
import { startTemplates } from "./templates/start";
import { preferredLanguage, speak, texts } from "./texts";
import { followTheme } from "./theme";
import { addTogetherCommands } from "./together/together";
import { App } from "./ui/app";
import { addMagnifier } from "./view/magnifier";
import { Viewer } from "./viewer";

const RETRY_MS = 2000;

async function start(): Promise<void> {
  const root = document.getElementById("app");
  if (root === null) throw new Error("the page has no #app");
  followTheme(document);
  await speak(preferredLanguage());
  const address = readPageAddress(location.pathname);
  const canvas = address.canvas ?? (await findDefaultCanvas(address.root, root));
  const stage = document.createElement("div");
  stage.className = "stage";
  const picture = layer(stage);
  picture.setAttribute("aria-hidden", "true");
  const overlay = layer(stage);
  overlay.tabIndex = 0;
  overlay.setAttribute("role", "application");
  effect(() => overlay.setAttribute("aria-label", texts.value.canvas.label));
  showFocus(overlay);
  const panels = document.createElement("div");
  root.replaceChildren(stage, panels);
  const url = socketUrl(location, address.root, canvas);
  const viewer = new Viewer(url, canvas, stage, picture, overlay);
  listenToKeys(viewer);
  exposeAutomation(viewer);
  if (isEmbedded(location.search)) {
    const { startEmbedded } = await import("./ui/embed");
    startEmbedded(viewer, stage, panels);
  } else {
    addMagnifier(viewer, picture, overlay);
    addDrawing(viewer);
    addTogetherCommands(viewer);
    addWayfinding(viewer);
    warnBeforeLoss(viewer);
    startTemplates(viewer);
    render(<App viewer={viewer} />, panels);
  }
  viewer.start(await recallSession(canvas));
}

function layer(stage: HTMLElement): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  stage.append(canvas);
  return canvas;
}

/** Leaving now would lose what waits for the connection. */
function warnBeforeLoss({ client }: Viewer): void {
  window.addEventListener("beforeunload", (event) => {
    if (client.queued.value > 0) event.preventDefault();
  });
}

/** A ring around the whole screen only for whoever came by keyboard: a press focuses it too. */
function showFocus(canvas: HTMLCanvasElement): void {
  let pressed = false;
  window.addEventListener(
    "pointerdown",
    () => {
      pressed = true;
      canvas.classList.remove("is-focused");
    },
    true,
  );
  window.addEventListener(
    "keydown",
    () => {
      pressed = false;
    },
    true,
  );
  canvas.addEventListener("focus", () => canvas.classList.toggle("is-focused", !pressed));
  canvas.addEventListener("blur", () => canvas.classList.remove("is-focused"));
}

async function findDefaultCanvas(path: string, root: HTMLElement): Promise<string> {
  for (;;) {
    try {
      return await defaultCanvas(path);
    } catch {
      render(<p class="starting">{texts.value.canvas.unanswered}</p>, root);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

void start();
