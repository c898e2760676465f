export declare const DECODE_TOKENS: number, SIDE: number;
export declare const QUESTION: string;
export declare function median(values: readonly number[]): number;
/** Text of exactly n tokens in every Qwen tokenizer. */
export declare function digits(n: number): string;
export declare function picture(): { data: Uint8ClampedArray; width: number; height: number };
