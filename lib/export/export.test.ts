import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { Language, Parser } from "web-tree-sitter";
import { newCertificate } from "../../e2e/certificate";
import { parseManifest } from "../catalogue/parse";
import type { Choices, Manifest } from "../catalogue/schema";
import { nothingChosen } from "../catalogue/selection";
import { desired } from "../provisioning/desired";
import { type Blueprint, FORMATS, type Format } from "./export";
import { PlanJson } from "./plan-json";

const TENANT = { id: "11111111-2222-4333-8444-555555555555", domain: "contoso.com" };
function blueprint(manifest: Manifest, wish: Partial<Choices>): Blueprint {
  const choices = { ...nothingChosen, ...wish };
  return {
    manifest,
    choices,
    registrations: desired(manifest, choices, {
      mark: "By hand",
      mayShorten: false,
      consentCallback: { uri: "https://portal.example", isWanted: false },
    }),
    tenant: TENANT,
    made: [],
    graphUrl: "https://graph.microsoft.com",
    portalUrl: "https://portal.example",
    now: new Date("2026-11-22T12:00:00Z"),
  };
}
const manifestOf = (name: string) => parseManifest(readFileSync(`lib/catalogue/vendors/${name}.yaml`, "utf8"), name);
const { pem: PEM } = await newCertificate();

const PLANS: Record<string, Blueprint> = {
  "Cirrus Connect": blueprint(manifestOf("cirrus-connect"), {
    features: ["active-directory", "outlook-mail"],
    consent: "account",
    variables: { "service-account": "cirrus@contoso.com", "shared-mailboxes": "sales@contoso.com, info@contoso.com" },
  }),
  "Cirrus Insight, scoped": blueprint(manifestOf("cirrus-insight"), {
    features: ["email-sync"],
    answers: { "mailbox-scope": "rbac" },
    variables: { "test-account": "adele@contoso.com", "mailbox-group": "group@contoso.com" },
  }),
  "Luware LUCS": blueprint(manifestOf("luware-lucs"), {
    features: ["ci", "cr", "cic", "fe"],
    instances: { ci: 2 },
    variables: { "frontend-url": "https://lucs.contoso.com/signin" },
  }),
  "Bright Pattern, certificate": blueprint(manifestOf("bright-pattern-emi"), {
    features: ["messenger"],
    variables: { "tenant-host": "acme.brightpattern.com" },
    credential: "certificate",
    certificate: PEM,
  }),
  "SecurEnds, adopted": blueprint(manifestOf("securends"), {
    features: ["office-365"],
    variables: { "redirect-uri": "https://app.securends.com/callback" },
    adopt: { connector: "99999999-2222-4333-8444-555555555555" },
  }),
};

/** A manifest whose every word tries to break out of whatever it stands in. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: that is what it is for
const EVIL = "x'\"$(touch PWNED)`touch PWNED`${jndi}%{if}; touch PWNED # \\ ’;touch PWNED";
const evil = (): Blueprint => {
  const manifest = structuredClone(manifestOf("cirrus-connect"));
  manifest.name = `${EVIL}\ntouch PWNED`;
  manifest.registrations[0]!.displayName = `${EVIL}\ntouch PWNED`;
  for (const feature of manifest.features)
    for (const permission of feature.permissions) permission.because = `${EVIL}\n\`\`\`\ntouch PWNED`;
  for (const step of manifest.manualSteps) step.title = `${EVIL}\n# x`;
  return blueprint(manifest, {
    features: ["active-directory", "outlook-mail"],
    consent: "account",
    variables: { "service-account": "o’brien|x@contoso.com", "shared-mailboxes": "a@contoso.com, b|c@contoso.com" },
  });
};

const parsers = new Map<string, Parser>();
beforeAll(async () => {
  await Parser.init();
  for (const [name, file] of [
    ["powershell", "tree-sitter-powershell/tree-sitter-powershell.wasm"],
    ["terraform", "@tree-sitter-grammars/tree-sitter-hcl/tree-sitter-terraform.wasm"],
  ] as const) {
    const parser = new Parser();
    parser.setLanguage(await Language.load(path.resolve("node_modules", file)));
    parsers.set(name, parser);
  }
});
const parsed = (language: string, text: string) => parsers.get(language)!.parse(text)!.rootNode;

describe.each([...Object.entries(PLANS), ["what tries to break out", evil()] as const])("the plan of %s", (_, plan) => {
  test("is a bash script that bash can read", () => {
    const { status, stderr } = spawnSync("bash", ["-n"], { input: FORMATS["azure-cli"].write(plan), encoding: "utf8" });
    expect([status, stderr]).toEqual([0, ""]);
  });

  test("is PowerShell without a syntax error, its manual scripts too", () => {
    expect(parsed("powershell", FORMATS.powershell.write(plan)).hasError).toBe(false);
    for (const { scripts } of JSON.parse(FORMATS.json.write(plan)).byHand)
      for (const { script } of scripts) expect(parsed("powershell", script).hasError, script).toBe(false);
  });

  test("is Terraform without a syntax error, formatted as terraform fmt has it where that is installed", () => {
    const text = FORMATS.terraform.write(plan);
    expect(parsed("terraform", text).hasError).toBe(false);
    const { error, status, stdout } = spawnSync("terraform", ["fmt", "-no-color", "-"], {
      input: text,
      encoding: "utf8",
      env: { ...process.env, CHECKPOINT_DISABLE: "1" },
    });
    if (!error && status !== null) expect([status, stdout]).toEqual([0, text]);
  });

  test("is JSON of its schema", () => {
    expect(() => PlanJson.parse(JSON.parse(FORMATS.json.write(plan)))).not.toThrow();
  });

  test("names every permission and every redirect URI in every format, and holds no secret", () => {
    for (const format of Object.keys(FORMATS) as Format[]) {
      const text = FORMATS[format].write(plan);
      for (const { permissions, webRedirectUris, publicClientRedirectUris } of plan.registrations) {
        for (const { value } of permissions) expect(text, `${format} ${value}`).toContain(value);
        for (const uri of [...webRedirectUris, ...publicClientRedirectUris]) expect(text, `${format} ${uri}`).toContain(uri);
      }
      expect(text).not.toMatch(/client_secret\s*=\s*"|BEGIN PRIVATE KEY/);
    }
  });
});

test("run with an az that only writes down what it is asked, the script asks for exactly the plan and nothing breaks out", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "export-"));
  try {
    // Each argument on a line of its own, so that what belongs together can be told from what does not.
    writeFileSync(
      path.join(folder, "az"),
      `#!/usr/bin/env bash
printf '%s\\0' "$@" >> ${folder}/calls; printf '\\n\\0' >> ${folder}/calls
case "$*" in
  "account show"*) echo ${TENANT.id};;
  *"app list"*) ;;
  *"--query appId"*) echo 00000000-0000-4000-8000-00000000000a;;
  *password*) echo not-a-real-secret;;
  *) echo 00000000-0000-4000-8000-00000000000b;;
esac
`,
    );
    chmodSync(path.join(folder, "az"), 0o755);
    const plan = evil();
    execFileSync("bash", ["-c", FORMATS["azure-cli"].write(plan)], {
      cwd: folder,
      env: { ...process.env, PATH: `${folder}:${process.env.PATH}` },
      encoding: "utf8",
    });
    const calls = readFileSync(path.join(folder, "calls"), "utf8")
      .split("\n\0")
      .map((call) => call.split("\0").filter(Boolean));
    const create =
      calls.find(([, action, verb]) => (action === "app" && verb === "create") || false) ??
      calls.find((call) => call[0] === "ad" && call[2] === "create");
    expect(create).toContain(plan.registrations[0]!.displayName);
    for (const uri of plan.registrations[0]!.publicClientRedirectUris) expect(create).toContain(uri);
    expect(calls.filter((call) => call.some((word) => word.includes("/appRoleAssignedTo")))).toHaveLength(2);
    const grant = calls.find((call) => call[2] === "permission" && call[3] === "grant");
    expect(grant).toContain("Principal");
    expect(grant).toContain("Mail.ReadWrite.Shared Mail.Send.Shared offline_access openid profile");
    expect(() => readFileSync(path.join(folder, "PWNED"))).toThrow();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("in PowerShell every value stays one literal, whatever is in it", () => {
  const tree = parsed("powershell", FORMATS.powershell.write(evil()));
  const commands: string[] = [];
  const visit = (node: typeof tree) => {
    if (node.type === "command_name") commands.push(node.text);
    for (const child of node.children) if (child) visit(child);
  };
  visit(tree);
  expect(commands.some((name) => /touch/i.test(name))).toBe(false);
  expect(commands).toContain("New-MgApplication");
});

test("Terraform evaluates nothing in a value", () => {
  const text = FORMATS.terraform.write(evil());
  expect(text).toContain("$${jndi}");
  expect(text).toContain("%%{if}");
  const tree = parsed("terraform", text);
  const interpolations: string[] = [];
  const visit = (node: typeof tree) => {
    if (/interpolation|directive/.test(node.type)) interpolations.push(node.text);
    for (const child of node.children) if (child) visit(child);
  };
  visit(tree);
  expect(interpolations).toEqual([]);
});

test("a guide's code is never ended by what stands in it", () => {
  const text = FORMATS.guide.write(evil());
  const fences = text.split("\n").filter((each) => /^`{3,}/.test(each));
  expect(fences.length % 2).toBe(0);
  expect(text.split("\n").filter((each) => each.startsWith("touch PWNED"))).toEqual([]);
});
