export interface paths {
    [k: string]: any;
}
export interface components {
    schemas: any;
}
