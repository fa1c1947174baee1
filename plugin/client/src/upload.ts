// Files: announced, and then sent with their progress.

import type { Api, Schemas } from "./api.js";
import { Refused, Unreachable } from "./errors.js";

export interface UploadOptions {
  /** Bytes that are sent so far, of all. */
  progress?: (sent: number, all: number) => void;
  signal?: AbortSignal;
}

/**
 * Uploads a file for a message of a channel; its id goes into `attachmentIds` of that one.
 *
 * @throws As {@link Api.call} does.
 */
export async function upload(
  api: Api,
  channelId: string,
  file: File,
  { progress, signal }: UploadOptions = {},
): Promise<Schemas["Attachment"]> {
  const body = {
    channelId,
    name: file.name,
    size: file.size,
    type: file.type || "application/octet-stream",
  };
  const { data } = await api.call("POST", "/attachments", { body, ...(signal && { signal }) });
  const url = api.url(`/attachments/${encodeURIComponent(data.id)}/content`);
  const token = await api.token(false);
  // `fetch` does not tell how far it is.
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    request.open("PUT", url);
    if (token !== null) request.setRequestHeader("authorization", `Bearer ${token}`);
    request.responseType = "json";
    request.upload.onprogress = ({ loaded }) => progress?.(loaded, file.size);
    request.onload = () => {
      if (request.status === 200) return resolve(request.response as Schemas["Attachment"]);
      const { error } = (request.response ?? {}) as { error?: { message?: string; code?: string } };
      const text = error?.message ?? `The service answered ${request.status}.`;
      reject(new Refused(request.status, text, { code: error?.code ?? null }));
    };
    request.onerror = () => reject(new Unreachable("The upload broke off."));
    request.onabort = () => reject((signal?.reason as Error | undefined) ?? new Unreachable("The upload was ended."));
    request.onloadend = () => signal?.removeEventListener("abort", stop);
    signal?.addEventListener("abort", stop, { once: true });
    request.send(file);
  });
}

/**
 * The address of an attachment's content for a minute and one download: a browser that
 * follows a link sends no token.
 *
 * @throws As {@link Api.call} does.
 */
export async function downloadUrl(api: Api, id: string): Promise<URL> {
  const { data } = await api.call("POST", "/attachments/{id}/links", {
    path: { id },
    body: { expiresIn: 60, once: true },
  });
  return new URL(data.url, api.url(`/attachments/${encodeURIComponent(id)}/links`));
}
