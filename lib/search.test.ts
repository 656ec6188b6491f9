import { expect, test } from "vitest";
import { searchQuery, searchWords } from "./search";

test.each([
  ["Contoso Ltd.", ["contoso", "ltd"]],
  ["Ünïcode Größe & Söhne", ["unicode", "große", "sohne"]],
  ["شركة كونتوسو 🏢", ["شركة", "كونتوسو"]],
  ["株式会社", ["株式会社"]],
  ["admin@contoso.com", ["admin", "contoso", "com"]],
  ["🏢🏢", []],
])("%s is found by its words, without case and accents", (text, words) => {
  expect(searchWords(text)).toEqual(words);
});

test("a name of ten thousand characters gives a bounded number of bounded words", () => {
  expect(searchWords("W".repeat(10_000))).toEqual(["w".repeat(60)]);
  expect(searchWords(Array.from({ length: 5000 }, (_, index) => `w${index}`).join(" "))).toHaveLength(200);
});

test("quotes, percent signs and operators are not part of a query", () => {
  expect(searchQuery(`O'Neil & "Co" | 100% !(x:*) \\`)).toBe("'o':* & 'neil':* & 'co':* & '100':* & 'x':*");
  expect(searchQuery("%_'\"")).toBeNull();
});
