/** What one block of lines says. */
export interface Block {
    /** The last id so far; null before the first. */
    id: string | null;
    kind: string;
    /** Null where nothing but an id or a pause was told. */
    data: string | null;
    /** How long to wait before the next try, in milliseconds. */
    retry: number | null;
}
/** Takes text as it comes, and gives the blocks that are complete. */
export declare class Parser {
    #private;
    feed(text: string): Block[];
}
