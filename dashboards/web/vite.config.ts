/// <reference types="vitest/config" />
import { readFileSync } from "node:fs";
import react from "@vitejs/plugin-react";
import { defineConfig, type HtmlTagDescriptor, type Plugin, type Rolldown } from "vite";
import { notices } from "./notices";

// `SPANGLASS_URL=http://127.0.0.1:8400 npm run dev` develops against a running service.
const service = process.env["SPANGLASS_URL"] ?? "http://127.0.0.1:8400";

/** A script, and those that it can't run without. */
function closure(bundle: Rolldown.OutputBundle, file: string, found = new Set<string>()): Set<string> {
  const chunk = bundle[file];
  if (chunk?.type !== "chunk" || found.has(file)) return found;
  found.add(file);
  for (const each of chunk.imports) closure(bundle, each, found);
  return found;
}

function scriptOf(bundle: Rolldown.OutputBundle, module: string): string {
  const chunk = Object.values(bundle).find((file) => file.type === "chunk" && file.facadeModuleId?.endsWith(module));
  if (!chunk) throw new Error(`no script is made of ${module}`);
  return chunk.fileName;
}

/** Where each page is, and the module that shows it, as the router has them. */
function pages(): [path: string, module: string][] {
  const read = (name: string): string => readFileSync(new URL(`src/app/${name}`, import.meta.url), "utf8");
  const modules = new Map([...read("pages.ts").matchAll(/const (\w+) = \(\) => import\("\.\.(.+?)"\)/g)].map(([, name, module]) => [name, `src${module ?? ""}.tsx`]));
  const routes = read("router.tsx").split("createRoute({").slice(1);
  return routes.flatMap((route) => {
    const path = /path: "(.+?)"/.exec(route)?.[1];
    const loader = /lazyRouteComponent\((\w+)/.exec(route)?.[1] ?? /throw redirect\({ to: "\/(\w+)"/.exec(route)?.[1]?.replace(/^./, (letter) => `load${letter.toUpperCase()}`);
    const module = modules.get(loader);
    if (!path || !module) throw new Error(`this route has no page that is fetched: ${route}`);
    return [[path, module]];
  });
}

/**
 * Lets the browser fetch everything that a first page is made of at once, beside the entry, which asks
 * for its data meanwhile: what all pages need stands in the page, and `pages.json` tells the service
 * what each address needs beside.
 */
const preload: Plugin = {
  name: "preload",
  enforce: "post",
  transformIndexHtml: (_, { bundle, chunk: entry }) => {
    if (!bundle || !entry) return [];
    const scripts = closure(bundle, scriptOf(bundle, "src/app/mount.tsx"));
    const own = closure(bundle, entry.fileName);
    return [...scripts].filter((file) => !own.has(file)).map((file): HtmlTagDescriptor => ({ tag: "link", attrs: { rel: "modulepreload", crossorigin: true, href: `/${file}` }, injectTo: "head" }));
  },
  generateBundle(_, bundle) {
    const entry = Object.values(bundle).find((file) => file.type === "chunk" && file.isEntry);
    const everywhere = closure(bundle, scriptOf(bundle, "src/app/mount.tsx"), closure(bundle, entry?.fileName ?? ""));
    const needed = pages().map(([path, module]) => [path, [...closure(bundle, scriptOf(bundle, module))].filter((file) => !everywhere.has(file)).map((file) => `/${file}`)]);
    this.emitFile({ type: "asset", fileName: "pages.json", source: `${JSON.stringify(Object.fromEntries(needed), undefined, 1)}\n` });
  },
};

/** As few scripts as can be without a page fetching much that it has no use for: each costs a request. */
const groups: Rolldown.CodeSplittingGroup[] = [
  { name: "first", test: /rolldown\/runtime|src[\\/]main\.ts/, priority: 3 },
  { name: "charts", test: /[\\/](uplot|TimeChart)/, includeDependenciesRecursively: false, priority: 2 },
  { name: "app", minShareCount: 4, priority: 1 },
  { name: "shared", entriesAware: true, entriesAwareMergeThreshold: 1_500, minShareCount: 2 },
];

export default defineConfig({
  plugins: [react(), preload, notices],
  build: {
    target: "es2022",
    // The content security policy allows no data: scripts or fonts, and files are cached for good.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // All of them are a third as large, compressed, as React alone.
    cssCodeSplit: false,
    rolldownOptions: { output: { codeSplitting: { groups } } },
  },
  server: { proxy: { "/api": { target: service, changeOrigin: true } } },
  test: { environment: "node", include: ["src/**/*.test.ts"] },
});
