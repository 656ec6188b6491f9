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

/** What support fills in to invite a customer. */
export const Invitation = z.strictObject({
  productId: z.string().min(1, "Choose a product."),
  customerName: z.string().trim().min(1, "Name the customer.").max(200, "The customer's name has at most 200 characters."),
  expectedDomain: domain,
  adminEmail: z.email("The admin's e-mail address is not one."),
  contactEmail: z.email("The contact's e-mail address is not one."),
  offered: z.array(z.string()).min(1, "Offer at least one feature."),
});
