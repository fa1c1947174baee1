/** The ids that were seen last: events come at least once. */
export declare class Recent {
    #private;
    constructor(most?: number);
    /** Takes an id; false when it was there. */
    add(id: string): boolean;
    clear(): void;
}
