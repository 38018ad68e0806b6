import { defineConfig } from "vitest/config";
import { compressed, precached } from "./build/plugins";

// Names by content, so that a browser may keep a file for ever; the worker's name stays, browsers ask for it anew.
export default defineConfig({
  base: "/",
  plugins: [precached(), compressed()],
  build: {
    target: "es2022",
    assetsDir: "assets",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: { index: "index.html", sw: "src/worker/sw.ts" },
      output: {
        entryFileNames: ({ name }) => (name === "sw" ? "sw.js" : "assets/[name]-[hash].js"),
      },
    },
  },
  // `vite` alone serves the sources and asks a server that runs already for everything else.
  server: {
    proxy: {
      // The server lets nobody listen whose origin is another than the host that was asked for.
      "/v1": {
        target: process.env.STOCK_ASSETS_SERVER ?? "http://127.0.0.1:8000",
        ws: true,
        changeOrigin: true,
        rewriteWsOrigin: true,
      },
      "^/(openapi|asyncapi)\\.json|^/(docs|metrics|livez|readyz)":
        process.env.STOCK_ASSETS_SERVER ?? "http://127.0.0.1:8000",
    },
  },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
