// Files: announced, and then sent with their progress.
import { Refused, Unreachable } from "./errors.js";
/**
 * Uploads a file for a message of a channel; its id goes into `attachmentIds` of that one.
 *
 * @throws As {@link Api.call} does.
 */
export async function upload(api, channelId, file, { progress, signal } = {}) {
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
        if (token !== null)
            request.setRequestHeader("authorization", `Bearer ${token}`);
        request.responseType = "json";
        request.upload.onprogress = ({ loaded }) => progress?.(loaded, file.size);
        request.onload = () => {
            if (request.status === 200)
                return resolve(request.response);
            const { error } = (request.response ?? {});
            const text = error?.message ?? `The service answered ${request.status}.`;
            reject(new Refused(request.status, text, { code: error?.code ?? null }));
        };
        request.onerror = () => reject(new Unreachable("The upload broke off."));
        request.onabort = () => reject(signal?.reason ?? new Unreachable("The upload was ended."));
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
export async function downloadUrl(api, id) {
    const { data } = await api.call("POST", "/attachments/{id}/links", {
        path: { id },
        body: { expiresIn: 60, once: true },
    });
    return new URL(data.url, api.url(`/attachments/${encodeURIComponent(id)}/links`));
}
