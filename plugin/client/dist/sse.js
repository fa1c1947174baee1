// Server-Sent Events, read off the body of an answer: unlike EventSource, `fetch` sends the
// token in a header.
/** Takes text as it comes, and gives the blocks that are complete. */
export class Parser {
    #rest = "";
    #id = null;
    #kind = "message";
    #data = [];
    #retry = null;
    #isTold = false;
    feed(text) {
        const blocks = [];
        // A CR at the end may be the first half of a CRLF.
        const all = this.#rest + text;
        const end = all.endsWith("\r") ? all.length - 1 : all.length;
        const lines = all.slice(0, end).split(/\r\n|\r|\n/);
        this.#rest = (lines.pop() ?? "") + all.slice(end);
        for (const line of lines) {
            if (line !== "")
                this.#line(line);
            else if (this.#isTold)
                blocks.push(this.#block());
        }
        return blocks;
    }
    #line(line) {
        const colon = line.indexOf(":");
        if (colon === 0)
            return;
        const name = colon < 0 ? line : line.slice(0, colon);
        const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
        switch (name) {
            case "id":
                if (!value.includes("\0"))
                    this.#id = value;
                break;
            case "event":
                this.#kind = value;
                break;
            case "data":
                this.#data.push(value);
                break;
            case "retry":
                if (/^\d{1,7}$/.test(value))
                    this.#retry = Number(value);
                break;
            default:
                return;
        }
        this.#isTold = true;
    }
    #block() {
        const data = this.#data.length === 0 ? null : this.#data.join("\n");
        const block = { id: this.#id, kind: this.#kind, data, retry: this.#retry };
        this.#kind = "message";
        this.#data = [];
        this.#retry = null;
        this.#isTold = false;
        return block;
    }
}
