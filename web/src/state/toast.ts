// A short word at the foot of the page.
import { useEffect, useState } from "preact/hooks";

let listener: (text: string) => void = () => {};
export const say = (text: string) => listener(text);

export function useToast(): string {
  const [text, set] = useState("");
  useEffect(() => {
    let timer = 0;
    listener = (next) => {
      clearTimeout(timer);
      set(next);
      timer = setTimeout(() => set(""), 5000);
    };
    return () => clearTimeout(timer);
  }, []);
  return text;
}
