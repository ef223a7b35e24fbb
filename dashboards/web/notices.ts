import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Plugin } from "vite";

interface About { name?: string; version?: string; license?: string; author?: string | { name?: string } }

/** The folder of the package that a module of the bundle comes from; none for our own modules. */
function folderOf(module: string): string | undefined {
  const path = module.replace(/^\0/, "").replace(/\?.*$/, "");
  if (!/[\\/]node_modules[\\/]/.test(path)) return undefined;
  for (let folder = dirname(path); !folder.endsWith("node_modules") && folder !== dirname(folder); folder = dirname(folder)) {
    const about = join(folder, "package.json");
    // Packages have further ones, without a name, for their kinds of modules.
    if (existsSync(about) && (JSON.parse(readFileSync(about, "utf8")) as About).version) return folder;
  }
  return undefined;
}

/** A package's name, version and licence, then its licence's and notice's own words. */
function notice(folder: string): string {
  const about = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as About;
  const texts = readdirSync(folder).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file)).sort();
  const author = typeof about.author === "string" ? about.author : about.author?.name;
  const words = texts.map((file) => readFileSync(join(folder, file), "utf8").trim());
  if (!about.license) throw new Error(`${folder} does not say what its licence is`);
  const head = [`${about.name ?? ""} ${about.version ?? ""}`, `Licence: ${about.license}`, ...(author ? [`Author: ${author}`] : [])];
  return [head.join("\n"), ...words].join("\n\n");
}

/** `licences.txt`: the licences of all that the built files hold of others, who ask for it to go along. */
export const notices: Plugin = {
  name: "notices",
  enforce: "post",
  generateBundle(_, bundle) {
    const modules = [...Object.values(bundle).flatMap((file) => (file.type === "chunk" ? Object.keys(file.modules) : [])), ...this.getModuleIds()];
    const folders = new Set(modules.map(folderOf).filter((folder) => folder !== undefined));
    const found = [...new Set([...folders].map(notice))].sort((one, other) => one.localeCompare(other, "en"));
    this.emitFile({ type: "asset", fileName: "licences.txt", source: `${found.join(`\n\n${"-".repeat(80)}\n\n`)}\n` });
  },
};
