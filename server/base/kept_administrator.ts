/**
 * The name under which the database keeps the e-mail address of the last administrator, who stays one
 * though the sign-in provider says otherwise.
 */
export const KEPT_ADMINISTRATOR = "kept administrator";
