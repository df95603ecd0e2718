"""A fresh interpreter: hooks armed before matplotlib is imported, against `python main.py`."""

import os
import subprocess
import sys
import unittest

from support import HERE, HookCase, picture

CODE = "import sys\nprint(sorted(m for m in sys.modules if m.startswith('matplotlib')))\nimport matplotlib.pyplot as plt\n" \
       "from matplotlib import figure\nprint(type(figure.__spec__.loader).__name__, type(figure.__loader__).__name__)\n" \
       "fig, ax = plt.subplots()\nax.plot([1, 2])\nplt.savefig('x.pdf')\n"


class Fresh(HookCase):
    """One program from start to end."""

    def test_hooks_before_the_import(self):
        variables = {**os.environ, "MPLBACKEND": "Agg", "SOURCE_DATE_EPOCH": "0"}
        plain = self.write_script(CODE + "plt.savefig('want.png')\n", head="")
        hooked = self.write_script(CODE, head="")
        outputs = [subprocess.run(command, cwd=folder, env=variables, capture_output=True, check=True).stdout
                   for folder, command in ((plain, [sys.executable, "main.py"]),
                                           (hooked, [sys.executable, os.path.join(HERE, "hooked.py"), "--once", hooked]))]
        self.assertEqual(outputs[0], outputs[1])
        with open(os.path.join(plain, "x.pdf"), "rb") as one, open(os.path.join(hooked, "x.pdf"), "rb") as other:
            self.assertTrue(one.read() == other.read())
        size, pixels = picture(os.path.join(plain, "want.png"))
        with open(os.path.join(hooked, "captures", "0001.rgba"), "rb") as handle:
            self.assertTrue(handle.read() == pixels)
        self.assertEqual(len(pixels), size[0] * size[1] * 4)


if __name__ == "__main__":
    unittest.main()
