import { z } from "zod";

/** A DNS name that a tenant can own: lower case, at least one dot, no scheme, no path. */
const domain = z
  .string()
  .trim()
  .toLowerCase()
  .regex(
    /^(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/,
    "The domain is a name such as contoso.com, without https:// and without a path.",
  );
const mail = (whose: string) =>
  z
    .string(`${whose} e-mail address is missing.`)
    .trim()
    .max(254, `${whose} e-mail address is longer than 254 characters.`)
    .pipe(z.email(`${whose} e-mail address is not one.`));
const key = z.string().max(60);

export const INVITATION_DAYS = 14;
const days = z.coerce
  .number("Say for how many days the invitation works: 1 to 90.")
  .int("Whole days only.")
  .min(1, "An invitation works for at least one day.")
  .max(90, "An invitation works for at most 90 days.");
export const Days = days.default(INVITATION_DAYS);
export const AdminEmail = mail("The admin's");
export const ContactEmail = mail("The contact's");

/** A value that the vendor knows already: the admin sees it and cannot change it, or does not see it on the checklist at all. The plan shows it in any case. */
export const Given = z.record(key, z.strictObject({ value: z.string().max(2000), shown: z.enum(["locked", "hidden"]).default("locked") }));
export type Given = z.infer<typeof Given>;

/** What support, or a vendor's program, fills in to invite a customer. */
export const Invitation = z.strictObject({
  productId: z.string("Choose a product.").min(1, "Choose a product."),
  customerName: z
    .string("Name the customer.")
    .trim()
    .min(1, "Name the customer.")
    .max(200, "The customer's name has at most 200 characters.")
    // Half of a surrogate pair, or a control character, is nothing that a name has; a database refuses some of them.
    .refine(
      (name) => name.isWellFormed() && !/[\p{Cc}\u2028\u2029]/u.test(name),
      "The customer's name has characters that cannot be shown.",
    ),
  expectedDomain: domain,
  adminEmail: AdminEmail,
  contacts: z
    .array(ContactEmail, "Name at least one contact.")
    .min(1, "Name at least one contact.")
    .max(5, "At most five contacts.")
    .refine((all) => new Set(all).size === all.length, "Each contact only once.")
    .describe("who may get the one-time link; the first does unless the admin chooses another of them"),
  offered: z.array(key).min(1, "Offer at least one feature.").max(100),
  locked: z.array(key).max(100).default([]).describe("offered features that the admin cannot leave out"),
  given: Given.default({}).describe("values that the vendor knows already, by the manifest's variable"),
  language: z.enum(["en", "de"]).default("en").describe("of the mails that the customer gets"),
  days: Days.describe("how long the invitation works, unless it is taken up"),
  reference: z.string().trim().max(80, "A reference has at most 80 characters.").default("").describe("what the vendor calls it elsewhere"),
});
/** What the vendor wants of the checklist. */
export type Wishes = Pick<z.infer<typeof Invitation>, "offered" | "locked" | "given">;
