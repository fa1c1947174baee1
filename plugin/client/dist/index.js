export { Api } from "./api.js";
export { Backoff } from "./backoff.js";
export { Refused, Unreachable } from "./errors.js";
export { is } from "./events.js";
export { Close } from "./link.js";
export { Live } from "./live.js";
export { State } from "./state.js";
export { downloadUrl, upload } from "./upload.js";
