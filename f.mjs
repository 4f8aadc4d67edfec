// The text without the blanks at its ends, of which Python has others than trim.
const BLANK = "[\t-\r\x1c- \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+";
const ENDS = new RegExp(`^${BLANK}|${BLANK}$`, "g");
const strip = (text) => text.replace(ENDS, "");
// The text without capitals, and with single blanks.
const fold = (text) => {
  const parts = text.toLowerCase().split("ı"); // which is no i to Python
  const small = parts.map((part) => part.toUpperCase().toLowerCase()).join("ı");
  return strip(small).split(new RegExp(BLANK)).join(" ");
};

const out=[];for(let c=0;c<0x110000;c++){if(c>=0xd800&&c<0xe000){out.push("");continue} out.push(fold("x"+String.fromCodePoint(c)+"x"))}
console.log(JSON.stringify(out));
const s=[];for(let c=0;c<0x3001;c++){ if(strip(String.fromCodePoint(c)+"x")==="x") s.push(c)}
console.log(JSON.stringify(s));