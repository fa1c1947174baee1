// Makes the types from the OpenAPI document, and what browsers run from the sources; with
// --check it compares what is there with what it would make, and changes nothing.

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const isCheck = process.argv.includes("--check");

function run(program, ...args) {
  const file = join(here, "node_modules", ".bin", program);
  if (!existsSync(file)) throw new Error(`${program} is missing: run \`npm ci\` first`);
  execFileSync(file, args, { cwd: here, stdio: ["ignore", "ignore", "inherit"] });
}

function generate(to) {
  run("openapi-typescript", "openapi.json", "--output", to, "--alphabetize", "--default-non-nullable", "false");
}

function compile(...args) {
  // tsc tells what is wrong on its standard output.
  execFileSync(join(here, "node_modules", ".bin", "tsc"), ["--project", ".", ...args], {
    cwd: here,
    stdio: ["ignore", "inherit", "inherit"],
  });
}

/** The page is no library: nobody imports it. */
function withoutTypesOfThePage(folder) {
  for (const name of files(join(folder, "app"))) {
    if (name.endsWith(".d.ts")) rmSync(join(folder, "app", name));
  }
}

function files(folder) {
  if (!existsSync(folder)) return [];
  const all = readdirSync(folder, { recursive: true, withFileTypes: true });
  const named = all.filter((it) => it.isFile()).map((it) => join(it.parentPath, it.name));
  return named.map((it) => it.slice(folder.length + 1)).sort();
}

function same(a, b) {
  return existsSync(a) && existsSync(b) && readFileSync(a).equals(readFileSync(b));
}

if (isCheck) {
  const fresh = mkdtempSync(join(tmpdir(), "chat-client-"));
  try {
    const stale = [];
    generate(join(fresh, "openapi.ts"));
    if (!same(join(here, "src/openapi.ts"), join(fresh, "openapi.ts"))) stale.push("src/openapi.ts");
    const made = join(fresh, "dist");
    compile("--outDir", made);
    withoutTypesOfThePage(made);
    const dist = join(here, "dist");
    for (const name of new Set([...files(made), ...files(dist)])) {
      if (!same(join(made, name), join(dist, name))) stale.push(join("dist", name));
    }
    if (stale.length > 0) {
      console.error(`stale, run \`npm run build\`:\n${stale.join("\n")}`);
      process.exitCode = 1;
    }
  } finally {
    rmSync(fresh, { recursive: true });
  }
} else {
  generate("src/openapi.ts");
  rmSync(join(here, "dist"), { recursive: true, force: true });
  compile("--outDir", "dist");
  withoutTypesOfThePage(join(here, "dist"));
}
