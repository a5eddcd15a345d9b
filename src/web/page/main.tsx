/** The page in the browser. */
import { render } from 'preact';

render(<h1>callsheet</h1>, document.querySelector('#page')!);
