import type { Api, Schemas } from "./api.js";
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
export declare function upload(api: Api, channelId: string, file: File, { progress, signal }?: UploadOptions): Promise<Schemas["Attachment"]>;
/**
 * The address of an attachment's content for a minute and one download: a browser that
 * follows a link sends no token.
 *
 * @throws As {@link Api.call} does.
 */
export declare function downloadUrl(api: Api, id: string): Promise<URL>;
