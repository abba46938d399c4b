"""The Python example of README.md, as a stack. readme-app.ts makes the same one from the TypeScript example."""

import re
from pathlib import Path

from aws_cdk import App, Stack

README = Path(__file__).parent.parent / "README.md"

[(heading, code)] = re.findall(r"^## (.*?)\n.*?```python\n(.*?)```", README.read_text(), re.DOTALL | re.MULTILINE)
app = App()
exec(code, {"self": Stack(app, heading.lower().replace(" ", "-"))})
app.synth()
