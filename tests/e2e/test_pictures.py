"""examples/pictures has a current, legible picture of each template, and examples/README.md shows it."""

import re
import unittest
from itertools import combinations, pairwise
from xml.etree import ElementTree

from awscli.customizations.cloudformation.yamlhelper import yaml_parse

from tools.pictures import EXAMPLES, PICTURES, Place, pictures, svg, width
from tools.stack_graph import TYPE_LABELS, Line, arrows, boxes

SVG = "{http://www.w3.org/2000/svg}"


def overlap(one: Place, two: Place) -> bool:
    """Whether two rectangles have an area in common."""
    across = one.left < two.left + two.width and two.left < one.left + one.width
    return across and one.top < two.top + two.height and two.top < one.top + one.height


def inside(one: Place, whole: Place) -> bool:
    """Whether a rectangle is in a whole picture."""
    return min(one[:2]) > 0 and one.left + one.width < whole.width and one.top + one.height < whole.height


def areas(path: str) -> list[Place]:
    """The areas in which the parts of an arrow are. A part begins where the one before it ends."""
    found, x, y = [], 0, 0
    for command, numbers in re.findall(r"([MCH]) ([-\d. ]+)", path):
        values = [round(float(number)) for number in numbers.split()]
        to_x, to_y = (values[0], y) if command == "H" else values[-2:]
        if command != "M":
            found.append(Place(x, min(y, to_y) - 1, to_x - x, abs(y - to_y) + 2))
        x, y = to_x, to_y
    return found


class Pictures(unittest.TestCase):
    """The committed files."""

    def setUp(self) -> None:
        self.templates = {file.stem: yaml_parse(file.read_text()) for file in EXAMPLES.glob("*.yaml")}
        self.files = {file.stem: file.read_text() for file in PICTURES.glob("*.svg")}

    def boxes(self, name: str) -> list[tuple[Place, list[ElementTree.Element]]]:
        """The place of each box of a picture, and its lines of text."""
        found = []
        for group in ElementTree.fromstring(self.files[name]).findall(f"{SVG}g"):
            left, top, wide, high = (int(group[0].attrib[side]) for side in ("x", "y", "width", "height"))
            found.append((Place(left, top, wide, high), group.findall(f"{SVG}text")))
        return found

    def test_each_template_has_a_current_picture_and_each_picture_has_its_template(self) -> None:
        self.assertCountEqual(self.files, self.templates, "run `make pictures`")
        for name, drawn in pictures().items():
            # Not assertEqual: the difference of two pictures is long, and tells nothing.
            self.assertTrue(self.files[name] == drawn, f"{name}.yaml has changed: run `make pictures`")

    def test_each_resource_has_a_box_and_each_type_a_name(self) -> None:
        for name, template in self.templates.items():
            heads = [(lines[0].text, lines[1].text) for _, lines in self.boxes(name)]
            for resource, content in template["Resources"].items():
                with self.subTest(name, resource=resource):
                    self.assertIn(content["Type"], TYPE_LABELS)
                    self.assertEqual(heads.count((resource, TYPE_LABELS[content["Type"]])), 1)

    def test_boxes_do_not_overlap_and_no_arrow_runs_through_one(self) -> None:
        for name in self.files:
            places = [place for place, _ in self.boxes(name)]
            arrows = ElementTree.fromstring(self.files[name]).findall(f"{SVG}path")
            self.assertTrue(arrows)
            parts = [area for arrow in arrows for area in areas(arrow.attrib["d"])]
            with self.subTest(name):
                self.assertEqual([pair for pair in combinations(places, 2) if overlap(*pair)], [])
                self.assertEqual([(part, place) for part in parts for place in places if overlap(part, place)], [])

    def test_text_fits_in_its_box_and_everything_in_the_picture(self) -> None:
        for name, file in self.files.items():
            root = ElementTree.fromstring(file)
            whole = Place(0, 0, int(root.attrib["width"]), int(root.attrib["height"]))
            self.assertLess(whole.width, 960, "wider than a page of GitHub")
            for place, lines in self.boxes(name):
                with self.subTest(name, box=lines[0].text):
                    start = int(lines[0].attrib["x"])
                    ends = [start + width(Line(line.attrib["class"], str(line.text))) for line in lines]
                    self.assertLess(max(ends), place.left + place.width)
                    ys = [place.top, *(float(line.attrib["y"]) for line in lines), place.top + place.height + 8]
                    self.assertGreaterEqual(min(below - above for above, below in pairwise(ys)), 15)
                    self.assertTrue(inside(place, whole))
            for path in root.findall(f"{SVG}path"):
                self.assertTrue(all(inside(area, whole) for area in areas(path.attrib["d"])), path.attrib["d"])

    def test_the_readme_shows_each_picture_with_a_text_alternative(self) -> None:
        shown = re.findall(r"!\[(.+)\]\(pictures/(.+)\.svg\)", (EXAMPLES / "README.md").read_text())
        self.assertCountEqual([name for _, name in shown], self.templates)
        for sentence, name in shown:
            self.assertRegex(sentence, r"^[A-Z].{30,}\.$", name)


class Graph(unittest.TestCase):
    """The boxes and arrows of a small template."""

    TEMPLATE = yaml_parse("""
        Parameters: { EndpointName: { Type: String } }
        Resources:
          Scaling:
            Type: Custom::SageMakerScalableTarget
            Properties:
              ServiceToken: !ImportValue token
              EndpointName: !Ref EndpointName
              MinCapacity: 1
              MaxCapacity: 4
              ScalingPolicies: [{ PolicyName: steps, PolicyType: StepScaling }]
              ScheduledActions:
                - ScheduledActionName: night
                  Schedule: cron(0 22 * * ? *)
                  ScalableTargetAction: { MaxCapacity: 2 }
          Alarm:
            Type: AWS::CloudWatch::Alarm
            DependsOn: Topic
            Properties: { MetricName: Load, AlarmActions: [!GetAtt Scaling.PolicyARN1] }
          Topic:
            Type: AWS::SNS::Topic
            Properties: { DisplayName: !Sub "of ${Scaling}" }
    """)

    def test_each_reference_is_an_arrow_to_the_property_that_has_it(self) -> None:
        expected = {
            ("Fn::ImportValue", "Scaling", "ServiceToken"),
            ("EndpointName", "Scaling", "EndpointName"),
            ("Scaling", "Alarm", "AlarmActions"),
            ("Topic", "Alarm", "DependsOn"),
            ("Scaling", "Topic", "DisplayName"),
        }
        self.assertEqual(set(arrows(self.TEMPLATE)), expected)

    def test_a_box_has_its_kind_and_its_scaling(self) -> None:
        found = boxes(self.TEMPLATE)
        styles = {name: box.style for name, box in found.items()}
        outside = {"EndpointName": "outside", "Fn::ImportValue": "outside"}
        self.assertEqual(styles, {**outside, "Scaling": "custom", "Alarm": "native", "Topic": "native"})
        told = [line.text for line in found["Scaling"].facts]
        scaling = ["instances: 1 to 4", "steps", "step scaling", "night: max 2", "cron(0 22 * * ? *)"]
        self.assertEqual(told, scaling)
        self.assertEqual([line.text for line in found["Alarm"].facts], ["Load"])

    def test_arrows_go_to_the_right_and_a_picture_is_described_in_words(self) -> None:
        drawn = ElementTree.fromstring(svg("small", {**self.TEMPLATE, "Description": "A stack."}))
        rectangles = {group.findtext(f"{SVG}text"): group[0] for group in drawn.findall(f"{SVG}g")}
        lefts = [int(rectangles[name].attrib["x"]) for name in ("Function", "Scaling", "Topic", "Alarm")]
        self.assertEqual(lefts, sorted(set(lefts)))
        self.assertIn("arrows to Alarm.AlarmActions, Topic.DisplayName.", drawn.findtext(f"{SVG}desc") or "")
