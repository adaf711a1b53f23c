"""Words of the parts that several pages share."""

CLASS = "Class"
PIXELS = "Pixels"
UNSURE = "unsure"

# picker
PICTURE = "Picture"
PICTURE_NOW = "Picture: {title}"
SOURCES = {"gallery": "Gallery", "upload": "Your photo", "camera": "Camera"}
SUITS = "Suits: {models}"
SUITS_NONE = "No model here knows what it shows."
CREDIT = "{credit} ({licence})"
UPLOAD = "A photo from this device"
UPLOAD_HELP = "JPEG, PNG, WebP, BMP, TIFF, GIF, AVIF or HEIC. It stays on the machine that runs SegLab."
CAMERA = "Take a photo"
BACK_TO = "Back to {name}"
KEPT = "The picture you had is still in use."
OWN_ALT = "Your own photo"
MISSING = (
    "This link was made with the file `{file}`, and a link can't carry a photo. Choose that file under **Picture**, "
    "or load the lesson file that came with it; every other choice of the link is kept. Until then you see {title}."
)
UNNAMED = "an own photo"
OTHER_FILE = "This isn't the photo that the link was made with, so results may differ."
NO_PICTURES = "None of the gallery's pictures is installed. Choose a photo of your own."

# cost strip
MS = "Network time"
PEAK = "Peak memory"
MACS = "Multiply-adds"
PARAMETERS = "Parameters"
DEVICE = "Device"
FRESH = "The time is that of the forward passes alone, without loading, waiting, resizing and drawing."
FROM_CACHE = "Kept from an earlier run of the same network on the same picture: this view ran none."

# pin
PIN = "Keep this as A"
PIN_HELP = "Then move one control: you see what changed, as a picture and in every number."
UNPIN = "Let go of A"
PIN_TITLE = "A, as kept, and B, as it is now"
PIN_SAME = "A and B are the same. Now move one control."
PIN_OTHER_SIZE = "A is of another picture ({a[1]}×{a[0]}), so there is no difference picture; numbers only."
PIN_OTHER_CLASSES = "A has other classes ({a}), so there is no difference picture; numbers only."
PIN_MOVED = "Moved: {moved}."
PIN_CHANGED = "{share:.2f} % of the pixels have another label in B."
PIN_ALT = "White where A and B have different labels"
PIN_COLUMNS = ("Number", "A", "B", "B − A")

FILE_FAILED = "{label} wasn't saved: {reason}"

# lesson file
LESSON_SAVE = "Lesson file (.zip)"
LESSON_LOAD = "Load a lesson file"
LESSON_LOADED = "The lesson file is loaded."
LESSON_NO_PICTURE = "This lesson file is about an own photo, but the photo isn't in it. Save the lesson file again."
LESSON_MASK = "The corrected mask in the lesson file can't be used: {error}"
LESSON_MASK_SIZE = "It isn't as large as the picture."

# code
CODE_PY = "Script (.py)"
CODE_IPYNB = "Notebook (.ipynb)"
CODE_NOTE = "These {n} lines give the network's labels, as above. Save them and run them with Python 3.11 or newer."
CODE_NOTE_FILE = (
    "Put `{file}` beside the script first. If it is HEIC, transparent, 16 bits deep or has a colour profile, let the "
    "script open `picture.png` out of the lesson file instead, which is exactly what the network saw."
)
