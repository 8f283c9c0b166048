"""The HTTP side: images of the canvas, facts about it, the viewer's pages."""
