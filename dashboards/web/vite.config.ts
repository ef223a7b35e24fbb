/// <reference types="vitest/config" />
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// `SPANGLASS_URL=http://127.0.0.1:8400 npm run dev` develops against a running service.
const service = process.env["SPANGLASS_URL"] ?? "http://127.0.0.1:8400";

export default defineConfig({
  plugins: [react()],
  // The content security policy allows no data: scripts or fonts, and files are cached for good.
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  server: { proxy: { "/api": { target: service, changeOrigin: true } } },
  test: { environment: "node", include: ["src/**/*.test.ts"] },
});
