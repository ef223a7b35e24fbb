/// <reference types="vitest/config" />
import react from "@vitejs/plugin-react";
import { defineConfig, type HtmlTagDescriptor, type Plugin } from "vite";

// `SPANGLASS_URL=http://127.0.0.1:8400 npm run dev` develops against a running service.
const service = process.env["SPANGLASS_URL"] ?? "http://127.0.0.1:8400";

/** Lets the browser fetch the application beside the entry, which asks for its data meanwhile. */
const preloadApplication: Plugin = {
  name: "preload-application",
  transformIndexHtml: (_, { bundle = {}, chunk: entry }) => {
    const mount = Object.values(bundle).find((file) => file.type === "chunk" && file.name === "mount");
    if (mount?.type !== "chunk") return [];
    const scripts = [mount.fileName, ...mount.imports].filter((file) => file !== entry?.fileName);
    const link = (rel: string, file: string): HtmlTagDescriptor => ({ tag: "link", attrs: { rel, href: `/${file}` }, injectTo: "head" });
    return [
      ...scripts.map((file) => link("modulepreload", file)),
      ...[...(mount.viteMetadata?.importedCss ?? [])].map((file) => link("stylesheet", file)),
    ];
  },
};

export default defineConfig({
  plugins: [react(), preloadApplication],
  // The content security policy allows no data: scripts or fonts, and files are cached for good.
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  server: { proxy: { "/api": { target: service, changeOrigin: true } } },
  test: { environment: "node", include: ["src/**/*.test.ts"] },
});
