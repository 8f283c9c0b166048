import { defineConfig } from "vitest/config";

const SERVER = "http://127.0.0.1:8080";

export default defineConfig({
  // The same page is served at `/` and at `/c/{canvas}`, so its assets have absolute paths.
  base: "/",
  experimental: {
    // What scripts load lies beside them: below a proxy's path too, which the page's links alone get.
    renderBuiltUrl: (_, { hostType }) => (hostType === "js" ? { relative: true } : undefined),
  },
  build: {
    outDir: "../server/static",
    emptyOutDir: true,
    target: "es2022",
    // Everything comes from files of our own: the page's content security policy allows no `data:`.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: {
      "/api": SERVER,
      "^/c/[^/]+/ws$": { target: SERVER, ws: true },
    },
  },
  test: {
    environment: "happy-dom",
    include: ["tests/**/*.test.{ts,tsx}"],
    // Far more than any takes; a busy machine must not fail them.
    testTimeout: 60_000,
  },
});
