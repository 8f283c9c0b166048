/** Starts a gesture of a tool. */
import { Eyedropper } from "./eyedropper";
import { Fill } from "./fill";
import { Freehand } from "./freehand";
import { Select } from "./select";
import { line, rectangle, ShapeGesture } from "./shape";
import type { CanvasPoint, Gesture, ToolContext, ToolId } from "./tools";

/** The gesture that begins at a point of the canvas; null for the tool that only moves the view. */
export function begin(id: ToolId, context: ToolContext, start: CanvasPoint): Gesture | null {
  const { brushSize, colour, background } = context;
  switch (id) {
    case "pan":
      return null;
    case "pencil":
      return new Freehand(context, 1, colour, start);
    case "brush":
      return new Freehand(context, brushSize, colour, start);
    case "eraser":
      return new Freehand(context, brushSize, background, start);
    case "line":
      return new ShapeGesture(context, line, brushSize, start);
    case "rectangle":
      return new ShapeGesture(context, rectangle, 1, start);
    case "eyedropper":
      return new Eyedropper(context, start);
    case "fill":
      return new Fill(context, start);
    case "select":
      return new Select(context, start);
  }
}
