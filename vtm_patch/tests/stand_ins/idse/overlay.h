// Where hooks.h finds it in a patched VTM.
#include "../../../overlay/overlay.h"
