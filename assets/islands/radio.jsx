// A radio button that answers the click at once. The browser keeps what is chosen; when the server says otherwise (at
// load, from another tab) its word is put in place.
import { useEffect, useRef } from "react";

export function Radio({ checked, onChoose, ...rest }) {
  const input = useRef(null);
  useEffect(() => {
    input.current.checked = checked;
  }, [checked]);
  return <input {...rest} ref={input} type="radio" defaultChecked={checked} onChange={() => onChoose?.()} />;
}
