/* What the clean-up attribute calls. */
#include "base/base.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

void auto_text(char **text)
{
	free(*text);
	*text = NULL;
}

/* The function that ends here may be returning errno's text: leave it alone. */
void auto_fd(int *fd)
{
	int saved = errno;
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}
