// What the modules of the page take for granted: what they find in it are elements of HTML, on which they keep things.
interface ChildNode { [name: string]: any }
interface Event { key: string }
interface EventTarget { closest?: any; matches?: any }
