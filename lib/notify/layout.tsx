import { Body, Button, Container, Head, Hr, Html, Preview, Section, Text } from "@react-email/components";
import { render } from "@react-email/render";

/** Whose mail it is: the vendor as its manifest has it. */
export type Brand = { readonly name: string; readonly accent?: string | undefined; readonly support?: string | undefined };
export type Language = "en" | "de";

const ACCENT = "#0b5c63";
const OPEN = { en: "Open the page", de: "Seite öffnen" };
const FOOT = {
  en: (brand: Brand) => `Sent for ${brand.name} by its onboarding portal.${brand.support ? ` Questions: ${brand.support}` : ""}`,
  de: (brand: Brand) => `Gesendet für ${brand.name} von dessen Onboarding-Portal.${brand.support ? ` Fragen: ${brand.support}` : ""}`,
};
const font = "'Segoe UI', system-ui, -apple-system, Helvetica, Arial, sans-serif";

function Layout({ brand, language, lines }: { brand: Brand; language: Language; lines: readonly string[] }) {
  const accent = brand.accent ?? ACCENT;
  return (
    <Html lang={language}>
      <Head />
      <Preview>{lines[0] ?? ""}</Preview>
      <Body style={{ backgroundColor: "#f5f3ee", color: "#1c1a17", fontFamily: font, margin: 0, padding: "24px 12px" }}>
        <Container style={{ backgroundColor: "#ffffff", border: "1px solid #e2ded5", borderRadius: 10, maxWidth: 560, overflow: "hidden" }}>
          <Section style={{ backgroundColor: accent, padding: "14px 24px" }}>
            <Text style={{ color: "#ffffff", fontSize: 16, fontWeight: 600, margin: 0 }}>{brand.name}</Text>
          </Section>
          <Section style={{ padding: "20px 24px 8px" }}>
            {lines.map((line) =>
              /^https?:\/\/\S+$/.test(line) ? (
                <Button
                  key={line}
                  href={line}
                  style={{
                    backgroundColor: accent,
                    borderRadius: 8,
                    color: "#ffffff",
                    fontSize: 15,
                    fontWeight: 600,
                    margin: "4px 0 14px",
                    padding: "11px 18px",
                  }}
                >
                  {OPEN[language]}
                </Button>
              ) : (
                <Text key={line} style={{ fontSize: 15, lineHeight: "24px", margin: "0 0 14px", whiteSpace: "pre-wrap" }}>
                  {line}
                </Text>
              ),
            )}
          </Section>
          <Hr style={{ borderColor: "#e2ded5", margin: 0 }} />
          <Section style={{ padding: "12px 24px 16px" }}>
            <Text style={{ color: "#6a645a", fontSize: 13, lineHeight: "19px", margin: 0 }}>{FOOT[language](brand)}</Text>
          </Section>
        </Container>
      </Body>
    </Html>
  );
}

/** The words of a mail for programs that show HTML: nothing from elsewhere, nothing that counts openings. A line that is a URL becomes a button. */
export const htmlOf = (brand: Brand, language: Language, lines: readonly string[]): Promise<string> =>
  render(<Layout brand={brand} language={language} lines={lines} />);
/** The same for programs that show text. */
export const textOf = (brand: Brand, language: Language, lines: readonly string[]): string =>
  [...lines, `-- \n${FOOT[language](brand)}`].join("\n\n");
